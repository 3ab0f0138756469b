//! `GET /openapi.json`: what is answered over HTTP, for machines.
//!
//! `docs/openapi.yaml` is written by hand. Tests hold it against the routes (here) and against answers of every
//! status that it names (`tests/http/openapi.rs`).

use std::sync::LazyLock;

use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use super::status::Refusal;

const WRITTEN: &str = include_str!("../../../../docs/openapi.yaml");

pub(in crate::http) async fn document() -> Response {
    static JSON: LazyLock<Option<String>> = LazyLock::new(|| {
        let document: serde_json::Value = serde_saphyr::from_str(WRITTEN).ok()?;
        serde_json::to_string(&document).ok()
    });
    match JSON.as_deref() {
        Some(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        // It is YAML: see the tests.
        None => Problem::new(Refusal::NotReady, "this program was built wrongly").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value, json};

    use super::super::{admin, table};
    use super::*;

    #[test]
    fn every_route_is_documented_and_nothing_else() {
        let document: Value = serde_saphyr::from_str(WRITTEN).unwrap();
        for (front, table) in [("http", table()), ("admin", admin::table())] {
            let routes: BTreeSet<String> = table.iter().map(|route| route.path.replace("{*", "{")).collect();
            let operations = |item: &Value| -> Vec<Value> {
                let item = item.as_object().unwrap();
                item.values().filter(|operation| operation.get("tags").is_some()).cloned().collect()
            };
            let served_here =
                |operation: &Value| operation["tags"].as_array().unwrap().contains(&json!(front));
            let paths = document["paths"].as_object().unwrap().iter();
            let documented: BTreeSet<String> = paths
                .filter(|(_, item)| operations(item).iter().any(served_here))
                .map(|(path, _)| path.clone())
                .collect();
            assert_eq!(documented, routes, "{front}");
        }
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    }
}
