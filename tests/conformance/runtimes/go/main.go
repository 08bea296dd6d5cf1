// SPDX-License-Identifier: Apache-2.0

// The conformance protocol for the Go runtime library.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
)

type event struct {
	Do      string   `json:"do"`
	Value   any      `json:"value"`
	Message string   `json:"message"`
	Seconds float64  `json:"seconds"`
	Code    int      `json:"code"`
	Text    string   `json:"text"`
	Names   []string `json:"names"`
	Pieces  []string `json:"pieces"`
	Gate    string   `json:"gate"`
	Fail    string   `json:"fail"`
}

// Writes the pieces, waiting for the gate (a FIFO that the test opens) after the first, and fails in the end if told to.
func stream(e event) io.Reader {
	reader, writer := io.Pipe()
	go func() {
		for i, piece := range e.Pieces {
			if i == 1 && e.Gate != "" {
				_, _ = os.ReadFile(e.Gate)
			}
			_, _ = io.WriteString(writer, piece)
		}
		if e.Fail != "" {
			writer.CloseWithError(errors.New(e.Fail))
		}
		writer.Close()
	}()
	return reader
}

func describe(ctx context.Context) map[string]any {
	lc, _ := lambdacontext.FromContext(ctx)
	deadline, _ := ctx.Deadline()
	return map[string]any{
		"request_id":           lc.AwsRequestID,
		"function_name":        lambdacontext.FunctionName,
		"function_version":     lambdacontext.FunctionVersion,
		"invoked_function_arn": lc.InvokedFunctionArn,
		"memory_limit":         lambdacontext.MemoryLimitInMB,
		"remaining_ms":         time.Until(deadline).Milliseconds(),
		"client_context":       map[string]any{"custom": lc.ClientContext.Custom, "env": lc.ClientContext.Env},
		"trace_id":             ctx.Value("x-amzn-trace-id"),
	}
}

func lookup(names []string) map[string]any {
	found := map[string]any{}
	for _, name := range names {
		found[name] = nil
		if value, ok := os.LookupEnv(name); ok {
			found[name] = value
		}
	}
	return found
}

func handler(ctx context.Context, e event) (any, error) {
	switch e.Do {
	case "echo":
		return e.Value, nil
	case "raise":
		return nil, errors.New(e.Message)
	case "sleep":
		time.Sleep(time.Duration(e.Seconds * float64(time.Second)))
		return "slept", nil
	case "context":
		return describe(ctx), nil
	case "exit":
		os.Exit(e.Code)
	case "log":
		fmt.Println(e.Text)
		fmt.Fprintln(os.Stderr, e.Text)
		log.Print("logger ", e.Text)
		return nil, nil
	case "env":
		return lookup(e.Names), nil
	case "stream":
		return stream(e), nil
	}
	return nil, fmt.Errorf("cannot do %q", e.Do)
}

func main() {
	if os.Getenv("CONFORMANCE_SIGTERM") != "" {
		lambda.StartWithOptions(handler, lambda.WithEnableSIGTERM(func() { fmt.Println("the SIGTERM handler ran") }))
		return
	}
	lambda.Start(handler)
}
