// SPDX-License-Identifier: Apache-2.0
package conformance;

import com.amazonaws.services.lambda.runtime.ClientContext;
import com.amazonaws.services.lambda.runtime.Context;
import com.amazonaws.services.lambda.runtime.RequestHandler;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/** The conformance protocol for the Java runtime interface client. */
public class Handler implements RequestHandler<Map<String, Object>, Object> {
    @Override
    public Object handleRequest(Map<String, Object> event, Context context) {
        String what = (String) event.get("do");
        switch (what) {
            case "echo":
                return event.get("value");
            case "raise":
                throw new IllegalArgumentException((String) event.get("message"));
            case "sleep":
                return sleep(((Number) event.get("seconds")).doubleValue());
            case "context":
                return describe(context);
            case "exit":
                Runtime.getRuntime().halt(((Number) event.get("code")).intValue());
                return null;
            case "log":
                return writeLog((String) event.get("text"), context);
            case "env":
                return lookup((List<?>) event.get("names"));
            default:
                throw new IllegalArgumentException("cannot do " + what);
        }
    }

    private static Object sleep(double seconds) {
        try {
            Thread.sleep((long) (seconds * 1000));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
        return "slept";
    }

    private static Object describe(Context context) {
        Map<String, Object> answer = new HashMap<>();
        answer.put("request_id", context.getAwsRequestId());
        answer.put("function_name", context.getFunctionName());
        answer.put("function_version", context.getFunctionVersion());
        answer.put("invoked_function_arn", context.getInvokedFunctionArn());
        answer.put("memory_limit", context.getMemoryLimitInMB());
        answer.put("remaining_ms", context.getRemainingTimeInMillis());
        answer.put("trace_id", System.getProperty("com.amazonaws.xray.traceHeader"));
        ClientContext client = context.getClientContext();
        if (client != null) {
            answer.put("client_context", Map.of("custom", client.getCustom()));
        }
        return answer;
    }

    private static Object writeLog(String text, Context context) {
        System.out.println(text);
        System.err.println(text);
        context.getLogger().log("logger " + text + "\n");
        return null;
    }

    private static Object lookup(List<?> names) {
        Map<String, Object> found = new HashMap<>();
        for (Object name : names) {
            found.put((String) name, System.getenv((String) name));
        }
        return found;
    }
}
