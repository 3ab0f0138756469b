//! What must hold in every state, and what must be possible in some, or the former would say little.

use drl_core::Mode;
use stateright::Property;

use crate::model::Protocol;
use crate::world::{Back, Instance, Question, Wish, World};

/// DESIGN 2.1. The worst of all intervals ends with an admission, and the state after each is looked at.
pub(crate) fn within_the_limit() -> Property<Protocol> {
    Property::always("no interval admits more than promised", |protocol: &Protocol, world: &World| {
        world.ledger.room(&protocol.limit, protocol.now(world)) >= 0
    })
}

pub(crate) fn within_its_life() -> Property<Protocol> {
    let name = "nothing can be spent after its life on the store's clock";
    Property::always(name, |protocol: &Protocol, world: &World| {
        let now = protocol.now(world);
        world.leases().all(|lease| !lease.may_be_spent(now) || now.0 <= lease.last)
    })
}

pub(crate) fn gone_when_given_back() -> Property<Protocol> {
    Property::always("nothing that was given back can be spent", |protocol: &Protocol, world: &World| {
        let now = protocol.now(world);
        world.leases().all(|lease| !lease.may_be_spent(now) || !lease.given_back)
    })
}

/// What must be reachable: states in which the next step can do it.
pub(crate) fn reachable() -> [Property<Protocol>; 11] {
    [
        Property::sometimes("all of the limit is admitted", all_is_admitted),
        Property::sometimes("a request is denied", a_request_is_denied),
        Property::sometimes("a token is spent in the last moment of its life", one_is_spent_at_the_last),
        Property::sometimes("two instances can spend at once", two_can_spend),
        Property::sometimes("an instance crashes with tokens that it could spend", a_spender_crashes),
        Property::sometimes("the store lends to somebody who is gone", one_who_is_gone_borrows),
        Property::sometimes("an answer is heard when its lease is over", an_answer_is_late),
        Property::sometimes("a return makes room", |protocol: &Protocol, world: &World| {
            gains(protocol, world, RETURN).any(|gain| gain > 0)
        }),
        Property::sometimes("a return comes too late", |protocol: &Protocol, world: &World| {
            gains(protocol, world, RETURN).any(|gain| gain == 0)
        }),
        Property::sometimes("a refund makes room", |protocol: &Protocol, world: &World| {
            gains(protocol, world, REFUND).any(|gain| gain > 0)
        }),
        Property::sometimes("a refund comes too late", |protocol: &Protocol, world: &World| {
            gains(protocol, world, REFUND).any(|gain| gain == 0)
        }),
    ]
}

fn all_is_admitted(protocol: &Protocol, world: &World) -> bool {
    world.ledger.room(&protocol.limit, protocol.now(world)) == 0
}

fn a_request_is_denied(protocol: &Protocol, world: &World) -> bool {
    let waits = |question: &Question| question.answer.is_none() && question.wish.need() > 0;
    world.questions().any(waits) && world.counter.denies(&protocol.limit, protocol.now(world))
}

fn one_is_spent_at_the_last(protocol: &Protocol, world: &World) -> bool {
    let now = protocol.now(world);
    world.leases().any(|lease| lease.may_be_spent(now) && now.0 == lease.last)
}

fn two_can_spend(protocol: &Protocol, world: &World) -> bool {
    let now = protocol.now(world);
    let can = |instance: &&Instance| instance.leases.iter().any(|lease| lease.may_be_spent(now));
    world.instances.iter().filter(can).count() > 1
}

fn a_spender_crashes(protocol: &Protocol, world: &World) -> bool {
    world.left.crashes > 0 && world.leases().any(|lease| lease.may_be_spent(protocol.now(world)))
}

fn one_who_is_gone_borrows(protocol: &Protocol, world: &World) -> bool {
    let mut counter = world.counter.clone();
    let mut lent = |wish: &Wish| {
        let mode = Mode::Lease(wish.extra());
        counter.decide(&protocol.limit, protocol.now(world), (mode, wish.need())).leased.tokens
    };
    world.adrift.first().is_some_and(|wish| lent(wish) > 0)
}

fn an_answer_is_late(protocol: &Protocol, world: &World) -> bool {
    let lent = |question: &Question| question.answer.filter(|answer| answer.tokens > 0);
    let over = |question: &Question| lent(question).map(|answer| question.sent + answer.life);
    world.questions().filter_map(over).any(|over| over <= protocol.now(world).0)
}

const RETURN: fn(&Back) -> bool = |back| matches!(back, Back::Unspent(_));
const REFUND: fn(&Back) -> bool = |back| matches!(back, Back::Spent(_));

/// How much each of these credits would add to what remains.
fn gains(protocol: &Protocol, world: &World, which: fn(&Back) -> bool) -> impl Iterator<Item = u64> {
    let (limit, now) = (&protocol.limit, protocol.now(world));
    let before = world.counter.remaining(limit, now);
    world.credits.iter().filter(move |credit| which(&credit.back)).map(move |credit| {
        let mut counter = world.counter.clone();
        counter.decide(limit, now, (credit.back.mode(), credit.tokens));
        counter.remaining(limit, now) - before
    })
}
