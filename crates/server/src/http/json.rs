//! `POST /json`: the call of envoyproxy/ratelimit, its messages in the JSON form of protobuf.

use std::sync::{Arc, LazyLock};

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use drl_proto::{DESCRIPTORS, RateLimitRequest, RateLimitResponse};
use prost_reflect::{DescriptorPool, DynamicMessage, MessageDescriptor};

use super::problem::Problem;
use super::status::Refusal;
use super::{body, request};
use crate::grpc::{self, status};
use crate::metrics::FrontName;
use crate::server::App;

pub(in crate::http) async fn call(State(app): State<Arc<App>>, headers: HeaderMap, body: Body) -> Response {
    match decide(&app, &headers, body).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn decide(app: &App, headers: &HeaderMap, body: Body) -> Result<Response, Problem> {
    let message = parse(&body::read(app, headers, body).await?)?;
    let response = grpc::call(app, FrontName::Http, message).await.map_err(refused)?;
    let status = status::http(response.overall_code());
    Ok((status, Json(message_of(&response)?)).into_response())
}

fn refused(refusal: grpc::Refusal) -> Problem {
    let kind = match refusal {
        grpc::Refusal::Malformed(_) => Refusal::Malformed,
        grpc::Refusal::Undecidable => Refusal::Undecidable,
    };
    Problem::new(kind, refusal.to_string())
}

fn parse(bytes: &[u8]) -> Result<RateLimitRequest, Problem> {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let message = DynamicMessage::deserialize(described("RateLimitRequest")?, &mut json)
        .and_then(|message| json.end().map(|()| message))
        .map_err(|error| request::malformed(&error))?;
    message.transcode_to().map_err(|error| Problem::new(Refusal::Malformed, error.to_string()))
}

fn message_of(response: &RateLimitResponse) -> Result<DynamicMessage, Problem> {
    let mut message = DynamicMessage::new(described("RateLimitResponse")?);
    message.transcode_from(response).map_err(|_mismatch| inconsistent())?;
    Ok(message)
}

fn described(message: &str) -> Result<MessageDescriptor, Problem> {
    static POOL: LazyLock<Option<DescriptorPool>> =
        LazyLock::new(|| DescriptorPool::decode(DESCRIPTORS).ok());
    let pool = POOL.as_ref().ok_or_else(inconsistent)?;
    pool.get_message_by_name(&format!("envoy.service.ratelimit.v3.{message}")).ok_or_else(inconsistent)
}

/// What is compiled in does not describe itself. It does: see the tests.
fn inconsistent() -> Problem {
    Problem::new(Refusal::NotReady, "this program was built wrongly")
}
