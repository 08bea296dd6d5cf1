// SPDX-License-Identifier: Apache-2.0
//! The conformance protocol for the Rust runtime.

use lambda_runtime::streaming::{channel, Body, Response, Sender};
use lambda_runtime::{service_fn, Context, Error, LambdaEvent};
use serde_json::{json, Value};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

fn describe(context: &Context) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    json!({
        "request_id": context.request_id,
        "function_name": context.env_config.function_name,
        "function_version": context.env_config.version,
        "invoked_function_arn": context.invoked_function_arn,
        "memory_limit": context.env_config.memory,
        "remaining_ms": context.deadline.saturating_sub(now),
        "client_context": context.client_context,
        "trace_id": context.xray_trace_id,
    })
}

fn lookup(names: &Value) -> Value {
    let names = names.as_array().into_iter().flatten().filter_map(Value::as_str);
    names.map(|name| (name.to_string(), json!(std::env::var(name).ok()))).collect()
}

fn write_log(text: &str) {
    println!("{text}");
    eprintln!("{text}");
    eprintln!("logger {text}");
}

async fn handle(event: LambdaEvent<Value>) -> Result<Value, Error> {
    let (mut event, context) = event.into_parts();
    match event["do"].as_str().unwrap_or_default() {
        "echo" => Ok(event["value"].take()),
        "raise" => Err(event["message"].as_str().unwrap_or_default().into()),
        "sleep" => {
            tokio::time::sleep(Duration::from_secs_f64(event["seconds"].as_f64().unwrap_or_default())).await;
            Ok(json!("slept"))
        }
        "context" => Ok(describe(&context)),
        "exit" => std::process::exit(event["code"].as_i64().unwrap_or_default() as i32),
        "log" => {
            write_log(event["text"].as_str().unwrap_or_default());
            Ok(Value::Null)
        }
        "env" => Ok(lookup(&event["names"])),
        other => Err(format!("cannot do {other:?}").into()),
    }
}

/// Writes the pieces, waiting for the gate (a FIFO that the test opens) after the first, and fails in the end if told to.
async fn write_pieces(event: Value, mut sender: Sender) -> Result<(), Error> {
    for (index, piece) in event["pieces"].as_array().into_iter().flatten().enumerate() {
        if let (1, Some(gate)) = (index, event["gate"].as_str()) {
            tokio::fs::read(gate).await?;
        }
        sender.send_data(piece.as_str().unwrap_or_default().to_owned().into()).await?;
    }
    if !event["fail"].is_null() {
        sender.abort(); // the only error that this client can be given
    }
    Ok(())
}

async fn stream(event: LambdaEvent<Value>) -> Result<Response<Body>, Error> {
    let (sender, body) = channel();
    tokio::spawn(write_pieces(event.payload, sender));
    Ok(Response::from(body))
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    if std::env::args().nth(1).as_deref() == Some("stream") {
        return lambda_runtime::run(service_fn(stream)).await;
    }
    lambda_runtime::run(service_fn(handle)).await
}
