//! Files that change while the server runs.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::stamp::Stamp;
use super::{Files, Live};
use crate::listen::{Stopping, Tls, TlsFiles};

/// How often files are looked at.
const PERIOD: Duration = Duration::from_millis(500);

/// Takes over what files say whenever they change, in whatever way they are written: in place, by a rename,
/// by swapped links. What is wrong is said once and replaces nothing.
pub(crate) async fn watch_files(live: Arc<Live>, files: Files, mut stopping: Stopping) {
    let mut said = String::new();
    let mut seen = Seen::default();
    while goes_on(&mut stopping).await {
        if !seen.may_have_changed(files.path()) {
            continue;
        }
        let from = files.clone();
        let Ok(loaded) = tokio::task::spawn_blocking(move || from.load()).await else { continue };
        let outcome = match loaded {
            Ok(loaded) if loaded.is_in_force(&live.now()) => Ok(false),
            Ok(loaded) => live.replace(loaded).await.map(|()| true).map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        match outcome {
            Ok(changed) => {
                live.reloaded(changed.then_some(true));
                said.clear();
            }
            Err(problems) if problems != said => {
                live.reloaded(Some(false));
                let what = files.what();
                tracing::error!("the {what} as they are now are not valid, those before stay:\n{problems}");
                said = problems;
            }
            Err(_again) => {}
        }
    }
}

/// Takes over a certificate and its key when they change. As long as they do not fit together, the old ones stay.
pub(crate) async fn watch_certificate(tls: Tls, files: TlsFiles, mut stopping: Stopping) {
    let paths = [Some(&files.certificate), Some(&files.key), files.client_authorities.as_ref()];
    let mut all: Vec<(&Path, Seen)> =
        paths.into_iter().flatten().map(|path| (path.as_path(), Seen::default())).collect();
    while goes_on(&mut stopping).await {
        let changed = all.iter_mut().fold(false, |any, (path, seen)| seen.may_have_changed(path) | any);
        if changed && let Err(error) = tls.renew(&files) {
            tracing::warn!(%error, "the certificate stays as it was");
        }
    }
}

/// Waits for the time to look again; false once the server stops.
async fn goes_on(stopping: &mut Stopping) -> bool {
    tokio::select! {
        () = stopping.wait() => false,
        () = tokio::time::sleep(PERIOD) => true,
    }
}

/// What was last seen of a path.
#[derive(Debug, Default)]
struct Seen(Option<Stamp>);

impl Seen {
    /// A path that cannot be looked at has to be read for the reason.
    fn may_have_changed(&mut self, path: &Path) -> bool {
        let now = Stamp::of(path).ok();
        let settled = now.as_ref().is_some_and(|now| now.is_settled(SystemTime::now()));
        let same = settled && now == self.0;
        self.0 = now;
        !same
    }
}
