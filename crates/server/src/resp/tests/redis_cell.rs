//! Held against redis-cell: its algorithm, written down once more, in nanoseconds.
//!
//! Where a token takes whole milliseconds and so does the clock's every step, its rounding and ours are the same.

use std::collections::HashMap;

use drl_core::{Micros, Timestamp};
use proptest::prelude::*;

use super::support::on_clock;
use crate::resp::limits::Recent;
use crate::resp::throttle::{Ask, Parameters, Reply};

/// Of one key: `None` if Redis has forgotten it.
#[derive(Default)]
struct Cell {
    /// The theoretical arrival time.
    tat: Option<i128>,
}

#[derive(Clone, Copy, Debug)]
struct Quota {
    max_burst: i128,
    count: i128,
    period: i128,
}

const SECOND: i128 = 1_000_000_000;

impl Cell {
    fn throttle(&mut self, quota: Quota, quantity: i128, now: i128) -> Reply {
        let interval = quota.period * SECOND / quota.count;
        let tolerance = interval * (quota.max_burst + 1);
        let tat = self.tat.filter(|tat| *tat > now).unwrap_or(now);
        let (increment, whole) =
            (interval * quantity, |nanos: i128| nanos / SECOND + i128::from(nanos % SECOND > 0));
        let wait = tat + increment - tolerance - now;
        let limited = wait > 0;
        let later = if limited { tat } else { tat + increment };
        self.tat = Some(later);
        let number = |number: i128| u64::try_from(number).unwrap();
        Reply {
            limited,
            limit: number(quota.max_burst + 1),
            remaining: number((tolerance - (later - now)) / interval),
            retry_after: (limited && increment <= tolerance).then(|| number(whole(wait))),
            reset_after: number(whole(later - now)),
        }
    }
}

fn quota() -> impl Strategy<Value = Quota> {
    let pace = prop::sample::select(vec![(1, 1), (30, 60), (5, 1), (1_000, 1), (8, 3), (1, 7), (250, 90)]);
    (0_i128..20, pace).prop_map(|(max_burst, (count, period))| Quota { max_burst, count, period })
}

proptest! {
    #[test]
    fn replies_are_those_of_redis_cell(
        quota in quota(),
        steps in prop::collection::vec((0_u64..3_000, 0_u64..25, 0_usize..2), 1..60),
    ) {
        let (clock, front) = on_clock();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (mut cells, mut recent) = (HashMap::<usize, Cell>::new(), Recent::default());
        let number = |number: i128| u64::try_from(number).unwrap();
        let parameters = Parameters::new(number(quota.max_burst + 1), number(quota.count), number(quota.period));
        let mut now = Timestamp(1_700_000_000_000_000);
        for (millis, quantity, who) in steps {
            now = now + Micros::from_millis(millis);
            clock.set(now);
            let ask = Ask { key: [b"a", b"b"][who], parameters, quantity };
            let limit = recent.limit(parameters, &front.limits).unwrap();
            let ours = runtime.block_on(ask.decide(front.limits.engine(), limit)).unwrap();
            let theirs = cells.entry(who).or_default().throttle(quota, quantity.into(), i128::from(now.0) * 1_000);
            prop_assert_eq!(ours, theirs);
        }
    }
}
