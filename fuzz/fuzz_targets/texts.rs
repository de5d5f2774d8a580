//! Feeds any text where an ID, a page token, a deadline or a credential belongs.

#![no_main]

use conversation_service::grpc::fuzzing;

libfuzzer_sys::fuzz_target!(|data: &[u8]| fuzzing::text(data));
