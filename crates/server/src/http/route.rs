//! Paths and what answers there: a table, so that others than the router can read it.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::MethodRouter;

use super::{unknown_path, wrong_method};
use crate::server::App;

/// What answers at a path.
#[derive(Debug)]
pub(in crate::http) struct Route {
    pub(in crate::http) path: &'static str,
    answers: MethodRouter<Arc<App>>,
}

impl Route {
    pub(in crate::http) fn new(path: &'static str, answers: MethodRouter<Arc<App>>) -> Self {
        Self { path, answers }
    }
}

/// Answers at these paths, and says so where there is nothing.
pub(in crate::http) fn router(table: impl IntoIterator<Item = Route>) -> Router<Arc<App>> {
    let add = |router: Router<Arc<App>>, route: Route| router.route(route.path, route.answers);
    table
        .into_iter()
        .fold(Router::new(), add)
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        // `body` reads with its own bounds.
        .layer(DefaultBodyLimit::disable())
}
