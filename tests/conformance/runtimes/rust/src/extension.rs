// SPDX-License-Identifier: Apache-2.0
//! AWS's extension crate reads the telemetry: what it cannot parse, it does not print.
use lambda_extension::{service_fn, Error, Extension, LambdaTelemetry, LogBuffering, SharedService};

async fn print(events: Vec<LambdaTelemetry>) -> Result<(), Error> {
    for event in events {
        println!("parsed {:?}", event.record);
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    Extension::new()
        .with_telemetry_processor(SharedService::new(service_fn(print)))
        // Not its own lines: each would make another.
        .with_telemetry_types(&["platform", "function"])
        .with_telemetry_buffering(LogBuffering { timeout_ms: 25, max_bytes: 262144, max_items: 1000 })
        .run()
        .await
}
