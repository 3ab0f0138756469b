//! The front `grpc`: Envoy's rate-limit service, health checks, reflection.
//!
//! | module | what it holds |
//! |---|---|
//! | [`question`] | a message becomes a checked request, or a refusal that says where it went wrong |
//! | [`reply`] | an answer becomes a message |
//! | [`status`] | **the** table from outcome to wire code |
//! | [`call`] | a message in, a message out, whatever carried it: also `POST /json` |
//! | `service`, `health` | what is served |
//! | [`deadline`] | how long a call may take |

mod call;
mod deadline;
mod health;
mod question;
mod reply;
mod service;
pub(crate) mod status;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use drl_proto::DESCRIPTORS;
use drl_proto::server::RateLimitServiceServer;
use tonic::service::Routes;
use tonic_health::pb::health_server::HealthServer;
use tonic_reflection::server::Builder;

use crate::listen::Stopping;
use crate::server::App;

pub(crate) use call::call;
pub(crate) use status::Refusal;

/// The longest message that is read.
pub(crate) const LONGEST: usize = 64 << 10;

/// Every service of the front.
///
/// # Errors
/// If what is compiled in does not describe itself.
pub(crate) fn routes(app: Arc<App>, stopping: Stopping) -> Result<Router, tonic_reflection::server::Error> {
    let keep = from_fn_with_state(app.longest(), deadline::keep);
    let limits = RateLimitServiceServer::new(service::Limits::new(Arc::clone(&app)));
    let health = HealthServer::new(health::Health::new(app, stopping));
    let described = || {
        Builder::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    let routes = Routes::new(limits.max_decoding_message_size(LONGEST))
        .add_service(health.max_decoding_message_size(LONGEST))
        .add_service(described().build_v1()?.max_decoding_message_size(LONGEST))
        .add_service(described().build_v1alpha()?.max_decoding_message_size(LONGEST));
    Ok(routes.into_axum_router().layer(keep))
}
