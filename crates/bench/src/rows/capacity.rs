//! What many keys cost: bytes for each, and time for each decision among more of them.

use anyhow::Result;

use super::ours::Embedded;
use super::quota::LASTING;
use super::{Lane, Row, count};
use crate::contest::{Effort, Expected, Figures, Measure, Tally, on_threads};
use crate::heap;
use crate::peer::Governor;
use crate::report::Line;
use crate::workload::{Popularity, client};

const BYTES: Measure = Measure::lower("bytes/key");
const NANOSECONDS: Measure = Measure::lower("ns/decision");
const FEW: usize = 1_000;
/// Tables grow in steps; at sizes all over an octave nobody is caught at a good or a bad moment.
const OCTAVE: [usize; 5] = [700_000, 850_000, 1_000_000, 1_200_000, 1_400_000];

pub(super) fn rows(effort: Effort) -> Vec<Row> {
    let most = effort.choose(1_000_000, 10_000_000);
    let sizes =
        std::iter::successors(Some(FEW * 10), |size| Some(size * 10)).take_while(|&size| size <= most);
    let mut rows = vec![
        // "At most 0.7 × its bytes" as a ratio.
        Row::new("embedded, memory, 1 M keys", |lane| bytes(lane, &[1_000_000], BYTES.goal(1.43))),
        Row::new("embedded, memory, mean of 0.7 to 1.4 M keys", |lane| bytes(lane, &OCTAVE, BYTES)),
    ];
    rows.extend(sizes.map(|keys| {
        let name = format!("embedded, {} keys (peer: ours, {} keys)", count(keys), count(FEW));
        Row::new(name, move |lane| scaling(lane, keys))
    }));
    rows
}

fn bytes(lane: &Lane<'_>, sizes: &[usize], measure: Measure) -> Result<Vec<Line>> {
    let mean = |held: &dyn Fn(usize) -> Result<i64>| -> Result<Figures> {
        let mut sum = 0.0;
        for &keys in sizes {
            sum += held(keys)? as f64 / keys as f64;
        }
        Ok(vec![sum / sizes.len() as f64])
    };
    lane.once(&[measure]).between(|| mean(&ours), || mean(&governors))
}

fn ours(keys: usize) -> Result<i64> {
    let (made, held) = heap::held_by(|| {
        let ours = Embedded::new(LASTING)?;
        (0..keys).for_each(|number| _ = ours.admits(&client(number)));
        anyhow::Ok(ours)
    });
    made.map(|_| held)
}

fn governors(keys: usize) -> Result<i64> {
    let (made, held) = heap::held_by(|| {
        let governor = Governor::new(LASTING)?;
        (0..keys).for_each(|number| _ = governor.admits(&client(number)));
        anyhow::Ok(governor)
    });
    made.map(|_| held)
}

/// A table against a small one of the same kind. Growing at most 2.5 × as slow is a ratio of 0.4.
fn scaling(lane: &Lane<'_>, keys: usize) -> Result<Vec<Line>> {
    let side = |keys: usize| -> Result<_> {
        let store = Embedded::new(LASTING)?;
        (0..keys).for_each(|number| _ = store.admits(&client(number)));
        let requests = Popularity::Uniform.requests(keys, lane.effort.decisions(), 1);
        Ok(move || {
            on_threads(1, Expected::Admitted, |_| {
                let mut tally = Tally::default();
                requests.iter().for_each(|client| tally.count(store.admits(client)));
                Ok(tally)
            })
        })
    };
    lane.contest(&[NANOSECONDS.goal(0.4)]).between(side(keys)?, side(FEW)?)
}
