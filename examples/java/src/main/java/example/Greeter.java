// SPDX-License-Identifier: Apache-2.0
package example;

import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.Map;

/** An ordinary Lambda function: nothing here knows where it runs. */
public class Greeter implements RequestHandler<Map<String, Object>, Map<String, String>> {
    @Override
    public Map<String, String> handleRequest(Map<String, Object> event, Context context) {
        if (!(event.get("name") instanceof String)) {
            throw new IllegalArgumentException("the event has no name");
        }
        String name = (String) event.get("name");
        context.getLogger().log("greeting " + name + "\n");
        return Map.of(
                "message", "Hello " + name,
                "requestId", context.getAwsRequestId(),
                "function", context.getFunctionName());
    }
}
