//! .proto files to Rust, and to the descriptors that reflection and JSON read.

use std::error::Error;
use std::path::PathBuf;

use prost::Message as _;

const SERVICE: &str = "envoy/service/ratelimit/v3/rls.proto";

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=envoy");
    let files = protox::compile([SERVICE], ["."])?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("no OUT_DIR")?);
    std::fs::write(out.join("descriptors.bin"), files.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_transport(false)
        .codec_path("crate::codec::Codec")
        .include_file("messages.rs")
        .compile_fds(files)?;
    Ok(())
}
