//! Feeds any bytes as a request of any method: they are parsed or refused, and a refusal names violations
//! of fields that exist.

#![no_main]

use conversation_service::grpc::fuzzing;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::request(data));
