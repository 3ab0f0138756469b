//! Time per decision inside the process, against `governor`.

use anyhow::Result;

use super::ours::{Embedded, Library};
use super::quota::{AMPLE, Bounds, LASTING, ONE_PER_HOUR};
use super::{Lane, Row, count};
use crate::contest::{Expected, Figures, Measure, Tally, on_threads};
use crate::peer::Governor;
use crate::report::Line;
use crate::workload::{Popularity, client};

const NANOSECONDS: Measure = Measure::lower("ns/decision");
const MANY: usize = 1_000_000;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = Vec::new();
    for threads in [1, 2] {
        let hot = |what: &str| format!("embedded, hot key, {threads} thr, {what}");
        let admitted = HotKey { threads, bounds: AMPLE, expected: Expected::Admitted };
        rows.push(Row::new(hot("store"), move |lane| admitted.store(lane)));
        rows.push(Row::new(hot("is_allowed"), move |lane| admitted.library(lane, &Library::new(AMPLE)?)));
        rows.push(Row::new(hot("new(), is_allowed"), move |lane| {
            admitted.library(lane, &Library::plain(u64::from(u32::MAX))?)
        }));
    }
    let denied = HotKey { threads: 1, bounds: ONE_PER_HOUR, expected: Expected::Denied };
    let hot = |what: &str| format!("embedded, hot key denied, 1 thr, {what}");
    rows.push(Row::new(hot("store"), move |lane| denied.store(lane)));
    rows.push(Row::new(hot("is_allowed"), move |lane| denied.library(lane, &Library::new(denied.bounds)?)));
    rows.push(Row::new(hot("new(), is_allowed"), move |lane| denied.library(lane, &Library::plain(1)?)));
    for popularity in [Popularity::Uniform, Popularity::Zipf] {
        let name =
            |what: &str| format!("embedded, {} keys, {}, 2 thr, {what}", count(MANY), popularity.name());
        rows.push(Row::new(name("store"), move |lane| many_keys(lane, popularity)));
        rows.push(Row::new(name("is_allowed"), move |lane| many_keys_library(lane, popularity)));
    }
    rows
}

/// All threads ask for one client.
#[derive(Clone, Copy)]
struct HotKey {
    threads: usize,
    bounds: Bounds,
    expected: Expected,
}

impl HotKey {
    fn store(self, lane: &Lane<'_>) -> Result<Vec<Line>> {
        let ours = Embedded::new(self.bounds)?;
        let alice = client(0);
        ours.admits(&alice);
        self.against_governor(lane, |decisions| {
            let mut tally = Tally::default();
            (0..decisions).for_each(|_| tally.count(ours.admits(&alice)));
            Ok(tally)
        })
    }

    fn library(self, lane: &Lane<'_>, ours: &Library) -> Result<Vec<Line>> {
        let alice = client(0);
        ours.decide([&alice].into_iter())?;
        self.against_governor(lane, |decisions| ours.decide(std::iter::repeat_n(&alice, decisions)))
    }

    fn against_governor(
        self,
        lane: &Lane<'_>,
        ours: impl Fn(usize) -> Result<Tally> + Sync,
    ) -> Result<Vec<Line>> {
        let decisions = lane.effort.decisions();
        let governor = Governor::new(self.bounds)?;
        let alice = client(0);
        governor.admits(&alice);
        let peer = || {
            let mut tally = Tally::default();
            (0..decisions).for_each(|_| tally.count(governor.admits(&alice)));
            Ok(tally)
        };
        lane.contest(&[NANOSECONDS.goal(1.0)]).between(
            || on_threads(self.threads, self.expected, |_| ours(decisions)),
            || on_threads(self.threads, self.expected, |_| peer()),
        )
    }
}

/// Each thread's requests.
struct Traffic([Vec<String>; 2]);

impl Traffic {
    fn new(lane: &Lane<'_>, popularity: Popularity) -> Self {
        Self([1, 2].map(|seed| popularity.requests(MANY, lane.effort.decisions(), seed)))
    }

    fn round(&self, work: impl Fn(&[String]) -> Result<Tally> + Sync) -> Result<Figures> {
        on_threads(self.0.len(), Expected::Admitted, |thread| work(&self.0[thread]))
    }

    fn against_governor(
        &self,
        lane: &Lane<'_>,
        ours: impl Fn(&[String]) -> Result<Tally> + Sync,
    ) -> Result<Vec<Line>> {
        let governor = Governor::new(LASTING)?;
        (0..MANY).for_each(|number| _ = governor.admits(&client(number)));
        let peer = |requests: &[String]| {
            let mut tally = Tally::default();
            requests.iter().for_each(|client| tally.count(governor.admits(client)));
            Ok(tally)
        };
        lane.contest(&[NANOSECONDS.goal(1.2)]).between(|| self.round(&ours), || self.round(peer))
    }
}

fn many_keys(lane: &Lane<'_>, popularity: Popularity) -> Result<Vec<Line>> {
    let ours = Embedded::new(LASTING)?;
    (0..MANY).for_each(|number| _ = ours.admits(&client(number)));
    Traffic::new(lane, popularity).against_governor(lane, |requests| {
        let mut tally = Tally::default();
        requests.iter().for_each(|client| tally.count(ours.admits(client)));
        Ok(tally)
    })
}

fn many_keys_library(lane: &Lane<'_>, popularity: Popularity) -> Result<Vec<Line>> {
    let ours = Library::new(LASTING)?;
    let everybody: Vec<String> = (0..MANY).map(client).collect();
    ours.decide(everybody.iter())?;
    drop(everybody);
    Traffic::new(lane, popularity).against_governor(lane, |requests| ours.decide(requests.iter()))
}
