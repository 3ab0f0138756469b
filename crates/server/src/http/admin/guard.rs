//! Who may change things.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use subtle::ConstantTimeEq as _;

use crate::http::problem::Problem;
use crate::http::status::Refusal;

/// Lets through who may read, and who may write.
#[derive(Clone)]
pub(crate) struct Guard {
    /// What a writer must show (`Authorization: Bearer …`).
    token: Option<String>,
    /// Whether only this machine gets here. Then a writer without a token is somebody who could as well stop us.
    local: bool,
}

impl Guard {
    pub(crate) fn new(token: Option<String>, local: bool) -> Self {
        Self { token, local }
    }

    fn admits(&self, headers: &HeaderMap) -> Result<(), Problem> {
        if is_from_elsewhere(headers) {
            let detail = "a page from elsewhere cannot change anything here";
            return Err(Problem::new(Refusal::Forbidden, detail));
        }
        match (&self.token, bearer(headers)) {
            // The digests are of one length and tell nothing about the token.
            (Some(token), Some(shown))
                if blake3::hash(token.as_bytes()).as_bytes().ct_eq(blake3::hash(shown).as_bytes()).into() =>
            {
                Ok(())
            }
            (Some(_), _) => {
                Err(Problem::new(Refusal::Unauthorized, "changes need `Authorization: Bearer TOKEN`"))
            }
            (None, _) if self.local => Ok(()),
            (None, _) => {
                let detail = "changes from other machines need a token, and the server was started without \
                              one (--admin-token)";
                Err(Problem::new(Refusal::Forbidden, detail))
            }
        }
    }
}

pub(super) async fn check(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
    match if reads { Ok(()) } else { guard.admits(request.headers()) } {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let value = headers.get(header::AUTHORIZATION)?.as_bytes();
    let (scheme, token) = value.split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

/// Browsers say where a page comes from. One from elsewhere can reach a port of its reader's own machine.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return false };
    let own = |host: &HeaderValue| {
        let origin = origin.as_bytes();
        [&b"http://"[..], b"https://"]
            .iter()
            .any(|scheme| origin.strip_prefix(*scheme) == Some(host.as_bytes()))
    };
    !headers.get(header::HOST).is_some_and(own)
}
