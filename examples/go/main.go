// SPDX-License-Identifier: Apache-2.0

// An ordinary Lambda function: nothing here knows where it runs.
package main

import (
	"context"
	"errors"
	"log"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type request struct {
	Name string `json:"name"`
}

type response struct {
	Message   string `json:"message"`
	RequestID string `json:"requestId"`
	Function  string `json:"function"`
}

func handler(ctx context.Context, event request) (*response, error) {
	if event.Name == "" {
		return nil, errors.New("the event has no name")
	}
	log.Printf("greeting %s", event.Name)
	invocation, _ := lambdacontext.FromContext(ctx)
	return &response{"Hello " + event.Name, invocation.AwsRequestID, lambdacontext.FunctionName}, nil
}

func main() {
	lambda.Start(handler)
}
