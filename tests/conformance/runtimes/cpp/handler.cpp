// SPDX-License-Identifier: Apache-2.0
// The conformance protocol for aws-lambda-cpp.
#include <aws/lambda-runtime/runtime.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

using aws::lambda_runtime::invocation_request;
using aws::lambda_runtime::invocation_response;
using nlohmann::json;

static json variable(const char *name)
{
	const char *value = std::getenv(name);
	return value ? json(value) : json(nullptr);
}

static json describe(const invocation_request &request)
{
	json client = nullptr;
	if (!request.client_context.empty()) {
		client = json::parse(request.client_context);
	}
	return {
		{"request_id", request.request_id},
		{"function_name", variable("AWS_LAMBDA_FUNCTION_NAME")},
		{"function_version", variable("AWS_LAMBDA_FUNCTION_VERSION")},
		{"invoked_function_arn", request.function_arn},
		{"memory_limit", std::stoi(std::getenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE"))},
		{"remaining_ms", request.get_time_remaining().count()},
		{"client_context", client},
		{"trace_id", request.xray_trace_id},
	};
}

static json lookup(const json &names)
{
	json found = json::object();
	for (const auto &name : names) {
		found[name.get<std::string>()] = variable(name.get<std::string>().c_str());
	}
	return found;
}

static json act(const json &event, const invocation_request &request)
{
	const auto what = event["do"].get<std::string>();
	if (what == "echo") {
		return event["value"];
	}
	if (what == "sleep") {
		std::this_thread::sleep_for(std::chrono::duration<double>(event["seconds"].get<double>()));
		return "slept";
	}
	if (what == "context") {
		return describe(request);
	}
	if (what == "exit") {
		std::_Exit(event["code"].get<int>());
	}
	if (what == "log") {
		const auto text = event["text"].get<std::string>();
		std::cout << text << std::endl;
		std::cerr << text << std::endl << "logger " << text << std::endl;
		return nullptr;
	}
	if (what == "env") {
		return lookup(event["names"]);
	}
	throw std::runtime_error("cannot do " + what);
}

static invocation_response handle(const invocation_request &request)
{
	const json event = json::parse(request.payload);
	if (event["do"] == "raise") {
		return invocation_response::failure(event["message"].get<std::string>(), "ConformanceError", "");
	}
	return invocation_response::success(act(event, request).dump(), "application/json");
}

int main()
{
	aws::lambda_runtime::run_handler(handle);
	return 0;
}
