//! Whose counter it is.

use drl_core::check::{Ask, Check};
use drl_core::{Algorithm, Mode};
use smallvec::smallvec;

use super::{Fixture, decide, rule, space};

/// No list of values reaches the counter of another (FIELD 10), whatever bytes it holds.
pub async fn every_list_of_values_has_a_counter_of_its_own(fixture: &Fixture) {
    let (long, longer) = (vec![b'x'; 1 << 20], vec![b'x'; (1 << 20) + 1]);
    let lists: &[&[&[u8]]] = &[
        &[],
        &[b""],
        &[b"", b""],
        &[b"a"],
        &[b"a", b""],
        &[b"", b"a"],
        &[b"a", b"b_c"],
        &[b"a_b", b"c"],
        &[b"a,b"],
        &[b"a", b"b"],
        &[b"a|0"],
        &[b"{a}"],
        &[b"a}b{c"],
        &[b"a\0"],
        &[b"a\r\nSET b 1\r\n"],
        &[b"%61"],
        &[b"\xff\xfe"],
        &[b"\xff"],
        &[&long],
        &[&longer],
        &[&long, b"a"],
        &[&long[..128]],
        &[&long[..129]],
    ];
    let (space, rule) = (space(Algorithm::FixedWindow), rule(Algorithm::FixedWindow, 1));
    for expected in [true, false] {
        for list in lists {
            for shard in 0..2 {
                let asks = smallvec![Ask { key: space.key(list, shard), rule, cost: 1 }];
                let verdict = decide(fixture.store.as_ref(), Check { asks, mode: Mode::Take }).await;
                let shown: Vec<String> =
                    list.iter().map(|id| id[..id.len().min(20)].escape_ascii().to_string()).collect();
                assert_eq!(verdict.allowed, expected, "{shown:?} at shard {shard}");
            }
        }
    }
}
