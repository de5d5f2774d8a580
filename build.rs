//! Compiles the protocol definitions with a compiler written in Rust, so that no `protoc` has to be
//! installed, and keeps the descriptors, comments included, for server reflection.

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;

const ROOT: &str = "proto";
const PACKAGE: &str = "conversation.v1";
const FILES: &[&str] = &[
    "conversation/v1/conversation_service.proto",
    "conversation/v1/error.proto",
    "conversation/v1/group_service.proto",
    "conversation/v1/message_service.proto",
];

#[expect(
    clippy::disallowed_methods,
    reason = "Cargo tells a build script through its environment"
)]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed={ROOT}");

    let descriptors = protox::Compiler::new([ROOT])?
        .include_imports(true)
        .include_source_info(true)
        .open_files(FILES)?
        .file_descriptor_set();

    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        .client_mod_attribute(PACKAGE, "#[cfg(feature = \"client\")]")
        .server_mod_attribute(PACKAGE, "#[cfg(feature = \"server\")]")
        .extern_path(".google.rpc.Status", "::tonic_types::pb::Status")
        .compile_fds(descriptors)?;
    Ok(())
}
