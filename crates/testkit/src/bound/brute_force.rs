//! The judge that is obviously right: every pair of events, every sum from scratch. O(n²) and worse.

use super::judge::window_start;
use super::{Admission, Promise};

/// The slack of the worst interval, as [`worst`](super::worst) finds it in one pass; `None` without events.
#[must_use]
pub fn by_brute_force(promise: Promise, admissions: &[Admission]) -> Option<i128> {
    let pairs =
        || (0..admissions.len()).flat_map(move |last| (0..=last).map(move |first| &admissions[first..=last]));
    let ends = |run: &[Admission]| (run[0], run[run.len() - 1]);
    match promise {
        Promise::FixedWindow { limit, window, phase } => pairs()
            .filter(|run| {
                let (first, last) = ends(run);
                window_start(first.at, window, phase) == window_start(last.at, window, phase)
            })
            .map(|run| i128::from(limit) - cost(run))
            .min(),
        Promise::EveryInterval { limit, window } => pairs()
            .filter(|run| ends(run).1.at.0 - ends(run).0.at.0 <= window.0)
            .map(|run| i128::from(limit) - cost(run))
            .min(),
        Promise::Bucket { burst, tokens, per } => pairs()
            .map(|run| {
                let length = i128::from(ends(run).1.at.0 - ends(run).0.at.0);
                i128::from(burst) * i128::from(per.0) + i128::from(tokens) * length
                    - cost(run) * i128::from(per.0)
            })
            .min(),
        Promise::Spaced { waiting, tokens, per } => {
            let gaps = pairs().filter(|run| run.len() > 1).map(|run| {
                let (first, last) = ends(run);
                let passed = i128::from(last.start().0.saturating_sub(first.start().0));
                (passed + 1) * i128::from(tokens) - 1 - cost(&run[..run.len() - 1]) * i128::from(per.0)
            });
            let queues = (1..=admissions.len()).map(|count| {
                let now = admissions[count - 1].at;
                let queued: Vec<_> =
                    admissions[..count].iter().copied().filter(|one| one.start() > now).collect();
                (i128::from(waiting) - cost(&queued)) * i128::from(per.0)
            });
            gaps.chain(queues).min()
        }
    }
}

fn cost(run: &[Admission]) -> i128 {
    run.iter().map(|admission| i128::from(admission.cost)).sum()
}
