//! `envoy.service.ratelimit.v3.RateLimitService`.

use std::sync::Arc;

use drl_proto::server::RateLimitService;
use drl_proto::{RateLimitRequest, RateLimitResponse};
use tonic::{Request, Response, Status, async_trait};

use super::call::call;
use crate::metrics::FrontName;
use crate::server::App;

/// Decides for Envoy.
#[derive(Debug)]
pub(super) struct Limits(Arc<App>);

impl Limits {
    pub(super) fn new(app: Arc<App>) -> Self {
        Self(app)
    }
}

#[async_trait]
impl RateLimitService for Limits {
    async fn should_rate_limit(
        &self,
        request: Request<RateLimitRequest>,
    ) -> Result<Response<RateLimitResponse>, Status> {
        Ok(Response::new(call(&self.0, FrontName::Grpc, request.into_inner()).await?))
    }
}
