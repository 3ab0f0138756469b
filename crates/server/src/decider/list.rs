//! Policies that allow or deny without counting.

use std::sync::Arc;

use distributed_rate_limiter::{Retry, Source};
use drl_core::Micros;
use drl_core::policy::Action;

use super::answer::Word;
use super::met::Voice;

/// A list that one part of a request is on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listed<'b> {
    pub(super) part: usize,
    pub(super) voice: &'b Voice,
    pub(super) action: Action,
}

impl Listed<'_> {
    /// Whether this follows from it: nothing does from a shadow.
    pub(super) fn does(&self, action: Action) -> bool {
        self.action == action && !self.voice.is_shadow()
    }

    pub(super) fn word(&self) -> Word {
        let retry = match self.action {
            Action::Limit | Action::Allow => Retry::Now,
            Action::Deny => Retry::Never,
        };
        Word {
            part: self.part,
            name: Arc::clone(&self.voice.name),
            shadow: self.voice.is_shadow(),
            limit: 0,
            window: Micros::ZERO,
            capacity: 0,
            remaining: 0,
            retry,
            reset_after: Micros::ZERO,
            delay: Micros::ZERO,
            source: Source::Policy,
        }
    }
}

#[cfg(test)]
mod tests {
    use distributed_rate_limiter::engine::{Engine, EngineOptions};
    use drl_core::policy::{Attributes, OnLimited};

    use super::super::{Answer, Decider, Intent, Outcome, Part, Request};
    use super::*;
    use crate::config::Config;

    const POLICIES: &str = r#"
policies:
  - { name: per-client, per: [client], limit: 3/hour }
  - { name: tried, limit: 100/hour, mode: shadow }
  - { name: staff, action: allow, match: { client: [alice, eve] } }
  - { name: abusers, action: deny, match: { client: [mallory, eve] }, on_limited: { status: 403 } }
  - { name: suspects, action: deny, match: { client: bob }, mode: shadow }
"#;

    async fn decider_of(policies: &str) -> Decider {
        let engine = Engine::connect("memory://", EngineOptions::default()).await.unwrap();
        let config = Config::parse("p.yaml", policies).unwrap();
        Decider::new(engine, &config, Arc::default(), Arc::default()).unwrap()
    }

    /// A request with a part for each client.
    async fn ask(decider: &Decider, intent: Intent, clients: &[&'static str]) -> Answer {
        let part = |client: &&'static str| {
            let attributes = Attributes::new([("client", client.as_bytes())]).unwrap();
            Part { attributes, cost: 1, quota: None }
        };
        let parts = clients.iter().map(part).collect();
        decider.decide(&Request { domain: "default", parts, intent }).await.unwrap()
    }

    /// `name part` of each word, and what is left where something counts.
    fn words(answer: &Answer) -> Vec<String> {
        let left =
            |word: &Word| if word.is_counted() { format!(" {}", word.remaining) } else { String::new() };
        answer.words.iter().map(|word| format!("{} {}{}", word.name, word.part, left(word))).collect()
    }

    #[tokio::test]
    async fn deny_beats_allow_and_allow_beats_limits() {
        let decider = decider_of(POLICIES).await;
        for client in ["mallory", "eve"] {
            for intent in [Intent::Check, Intent::Peek] {
                let answer = ask(&decider, intent, &[client]).await;
                assert_eq!(answer.outcome, Outcome::Denied(OnLimited::Status(403)), "{client}");
                assert_eq!(answer.retry, Retry::Never);
                let word = answer.decisive().unwrap();
                assert_eq!((&*word.name, word.source, word.allows()), ("abusers", Source::Policy, false));
                assert_eq!((word.limit, word.capacity, word.remaining), (0, 0, 0));
            }
        }
        for _ in 0..10 {
            let answer = ask(&decider, Intent::Check, &["alice"]).await;
            assert_eq!((answer.outcome, answer.retry), (Outcome::Allowed, Retry::Now));
            assert!(answer.decisive().is_none(), "nothing limits it");
            assert_eq!(words(&answer), ["staff 0"]);
        }
        let answer = ask(&decider, Intent::Check, &["carol"]).await;
        assert_eq!(words(&answer), ["per-client 0 2", "tried 0 99"], "nobody before was counted");
    }

    #[tokio::test]
    async fn an_allowed_part_is_exempt_and_a_denied_part_denies_all() {
        let decider = decider_of(POLICIES).await;
        for left in [2, 1, 0] {
            let answer = ask(&decider, Intent::Check, &["alice", "carol"]).await;
            assert_eq!(answer.outcome, Outcome::Allowed);
            assert_eq!(answer.decisive().unwrap().part, 1);
            let tried = 97 + left;
            assert_eq!(
                words(&answer),
                [format!("per-client 1 {left}"), format!("tried 1 {tried}"), "staff 0".to_owned()]
            );
        }
        let answer = ask(&decider, Intent::Check, &["alice", "carol"]).await;
        assert_eq!(answer.outcome, Outcome::Denied(OnLimited::Reject));

        let answer = ask(&decider, Intent::Check, &["alice", "dave", "mallory"]).await;
        assert_eq!(answer.outcome, Outcome::Denied(OnLimited::Status(403)));
        assert_eq!(
            (answer.decisive().unwrap().part, words(&answer)),
            (2, vec!["staff 0".into(), "abusers 2".into()])
        );
        let answer = ask(&decider, Intent::Peek, &["dave"]).await;
        assert_eq!(words(&answer), ["per-client 0 3", "tried 0 97"], "nothing was charged");
    }

    /// FIELD 8.
    #[tokio::test]
    async fn a_shadow_list_is_reported_and_changes_nothing() {
        let decider = decider_of(POLICIES).await;
        let mut allowed = 0;
        for _ in 0..5 {
            let answer = ask(&decider, Intent::Check, &["bob"]).await;
            allowed += u32::from(answer.outcome == Outcome::Allowed);
            assert_eq!(&*answer.decisive().unwrap().name, "per-client");
            let last = answer.words.last().unwrap();
            assert_eq!((&*last.name, last.shadow, last.allows()), ("suspects", true, false));
        }
        assert_eq!(allowed, 3);
        let shadow =
            POLICIES.replace("{ client: [alice, eve] } }", "{ client: [alice, eve] }, mode: shadow }");
        let decider = decider_of(&shadow).await;
        for left in [2, 1, 0] {
            let answer = ask(&decider, Intent::Check, &["alice"]).await;
            assert_eq!(
                words(&answer),
                [format!("per-client 0 {left}"), format!("tried 0 {}", 97 + left), "staff 0".to_owned()]
            );
        }
    }

    #[tokio::test]
    async fn who_gets_a_quota_of_its_own_keeps_what_was_used() {
        let policies = |clients: &str| {
            format!(
                "policies: [{{ name: p, per: [client], limit: 10/300d, algorithm: fixed_window, clients: {clients} }}]"
            )
        };
        let decider = decider_of(&policies("{ bob: 5/300d }")).await;
        for _ in 0..4 {
            ask(&decider, Intent::Check, &["alice"]).await;
        }
        assert_eq!(words(&ask(&decider, Intent::Check, &["bob"]).await), ["p 0 4"]);
        let clients = "{ alice: 20/300d, bob: { limit: 2/300d } }";
        decider.replace(&Config::parse("p.yaml", &policies(clients)).unwrap()).unwrap();
        assert_eq!(words(&ask(&decider, Intent::Check, &["alice"]).await), ["p 0 15"]);
        assert_eq!(words(&ask(&decider, Intent::Check, &["bob"]).await), ["p 0 0"]);
        assert_eq!(ask(&decider, Intent::Check, &["bob"]).await.outcome, Outcome::Denied(OnLimited::Reject));
    }

    #[tokio::test]
    async fn a_client_does_not_rotate_through_its_network() {
        let policies = "policies: [{ name: p, per: [{ address: client }], limit: 3/hour }]";
        let decider = decider_of(policies).await;
        let mut statuses = Vec::new();
        for client in ["2001:db8::1", "2001:db8::2", "2001:DB8:0:0:ffff::", "2001:db8::4", "2001:db8:0:1::1"]
        {
            statuses.push(ask(&decider, Intent::Check, &[client]).await.outcome == Outcome::Allowed);
        }
        assert_eq!(statuses, [true, true, true, false, true]);
        for left in [2, 1] {
            let client = ["192.0.2.1", "::ffff:192.0.2.1"][left % 2];
            assert_eq!(words(&ask(&decider, Intent::Check, &[client]).await), [format!("p 0 {left}")]);
        }
    }
}
