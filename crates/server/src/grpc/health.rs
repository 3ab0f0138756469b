//! `grpc.health.v1`: the same readiness as `/readyz`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use drl_proto::server::SERVICE_NAME;
use futures_util::Stream;
use futures_util::future::ready;
use futures_util::stream::{once, unfold};
use tonic::{Request, Response, Status, async_trait};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use crate::listen::Stopping;
use crate::server::App;

/// How often those who watch are looked after.
const INTERVAL: Duration = Duration::from_secs(1);

/// Says whether requests should be sent here.
#[derive(Debug)]
pub(super) struct Health {
    app: Arc<App>,
    stopping: Stopping,
}

/// What somebody who watches has been told.
struct Watch {
    app: Arc<App>,
    stopping: Stopping,
    told: Option<ServingStatus>,
}

impl Health {
    pub(super) fn new(app: Arc<App>, stopping: Stopping) -> Self {
        Self { app, stopping }
    }
}

/// The server as a whole, and its only service.
fn is_known(service: &str) -> bool {
    ["", SERVICE_NAME].contains(&service)
}

async fn status(app: &App) -> ServingStatus {
    match app.is_draining() || app.live().decider().ready().await.is_err() {
        true => ServingStatus::NotServing,
        false => ServingStatus::Serving,
    }
}

fn response(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[async_trait]
impl health_server::Health for Health {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match is_known(&request.get_ref().service) {
            true => Ok(Response::new(response(status(&self.app).await))),
            false => Err(Status::not_found("there is no such service")),
        }
    }

    type WatchStream = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

    /// What changes is told within a second; a server that drains says so and ends the stream.
    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        if !is_known(&request.get_ref().service) {
            // Not an error, as the protocol has it. None comes while the server runs.
            let unknown = response(ServingStatus::ServiceUnknown);
            return Ok(Response::new(Box::pin(once(ready(Ok(unknown))))));
        }
        let watch = Watch { app: Arc::clone(&self.app), stopping: self.stopping.clone(), told: None };
        let told = |watch: Watch| async {
            let (status, watch) = watch.next().await?;
            Some((Ok(response(status)), watch))
        };
        Ok(Response::new(Box::pin(unfold(watch, told))))
    }
}

impl Watch {
    async fn next(mut self) -> Option<(ServingStatus, Self)> {
        loop {
            if self.told == Some(ServingStatus::NotServing) && self.app.is_draining() {
                return None;
            }
            let status = status(&self.app).await;
            if self.told != Some(status) {
                self.told = Some(status);
                return Some((status, self));
            }
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = self.stopping.wait() => {}
            }
        }
    }
}
