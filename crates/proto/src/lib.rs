//! The messages and the service of Envoy's rate-limit protocol, generated from `envoy/`.
//!
//! These files are Envoy's, cut down to what the service needs: every field of its messages is there under its
//! number and name, so that they are the same on the wire; what they document and validate is in Envoy's own. The
//! crate that has all of Envoy's interfaces takes minutes to compile.

mod codec;

mod messages {
    #![expect(clippy::all, reason = "generated")]
    include!(concat!(env!("OUT_DIR"), "/messages.rs"));
}

pub use codec::Codec;
pub use messages::envoy::config::core::v3::HeaderValue;
pub use messages::envoy::extensions::common::ratelimit::v3 as descriptor;
pub use messages::envoy::service::ratelimit::v3::{
    RateLimitRequest, RateLimitResponse, rate_limit_response as response,
    rate_limit_service_client as client, rate_limit_service_server as server,
};
pub use messages::envoy::r#type::v3::RateLimitUnit;

/// The files above and those that they import, as an encoded `google.protobuf.FileDescriptorSet`.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
