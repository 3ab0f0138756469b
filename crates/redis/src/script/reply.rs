//! What the script answers.

use drl_core::check::Mode;
use drl_core::{Leased, Micros, Outcome, Retry, Timestamp, Verdict};
use drl_store::StoreError;
use redis::Value;

use super::Order;
use crate::fault;

/// The answers of one execution, read in the order in which the checks were sent.
pub(crate) struct Reply {
    numbers: std::vec::IntoIter<u8>,
    texts: std::vec::IntoIter<Value>,
    at: Timestamp,
}

impl Reply {
    /// The answer to that call, which must be nobody else's.
    pub(crate) fn open(reply: Value, call: u64) -> Result<Self, StoreError> {
        let mut items = match reply {
            Value::Array(items) => items.into_iter(),
            alone => vec![alone].into_iter(),
        };
        let Some(Value::BulkString(numbers)) = items.next() else {
            return Err(protocol("no numbers where they belong"));
        };
        let mut reply = Self { numbers: numbers.into_iter(), texts: items, at: Timestamp(0) };
        if reply.unsigned()? != call {
            return Err(protocol("the answer to another call"));
        }
        reply.at = Timestamp(reply.unsigned()?);
        Ok(reply)
    }

    /// The next check's answer; the outer error is about the reply as a whole.
    pub(crate) fn verdict(&mut self, order: &Order) -> Result<Result<Verdict, StoreError>, StoreError> {
        let granted = match self.number()? {
            -2 => return Ok(Err(self.text()?)),
            granted => u64::try_from(granted).ok(),
        };
        let allowed = granted.is_some();
        let leased = match order.mode {
            Mode::Lease(_) if allowed => Leased { tokens: self.unsigned()?, life: Micros(self.unsigned()?) },
            _ => Leased::default(),
        };
        let outcomes = order.asks.iter().map(|_| self.outcome(allowed)).collect::<Result<_, _>>()?;
        Ok(Ok(Verdict { allowed, granted: granted.unwrap_or(0), leased, at: self.at, outcomes }))
    }

    /// Checks that nothing is left.
    pub(crate) fn close(self) -> Result<(), StoreError> {
        if self.numbers.len() + self.texts.len() > 0 {
            return Err(protocol("a longer answer than expected"));
        }
        Ok(())
    }

    fn outcome(&mut self, allowed: bool) -> Result<Outcome, StoreError> {
        let remaining = self.unsigned()?;
        let reset_after = Micros(self.unsigned()?);
        let last = self.number()?;
        let (retry, delay) = match last {
            delay if allowed => (Retry::Now, Micros(unsigned(delay)?)),
            -1 => (Retry::Never, Micros::ZERO),
            0 => (Retry::Now, Micros::ZERO),
            wait => (Retry::After(Micros(unsigned(wait)?)), Micros::ZERO),
        };
        Ok(Outcome { retry, remaining, reset_after, delay })
    }

    fn text(&mut self) -> Result<StoreError, StoreError> {
        match self.texts.next() {
            Some(Value::BulkString(text)) => Ok(fault::spoken(&String::from_utf8_lossy(&text))),
            _ => Err(protocol("no error text where one belongs")),
        }
    }

    fn unsigned(&mut self) -> Result<u64, StoreError> {
        self.number().and_then(unsigned)
    }

    fn number(&mut self) -> Result<i64, StoreError> {
        let Some(bytes) = self.numbers.as_slice().first_chunk().copied() else {
            return Err(protocol("no number where one belongs"));
        };
        self.numbers.nth(size_of::<f64>() - 1);
        let number = f64::from_le_bytes(bytes);
        #[expect(clippy::cast_possible_truncation, reason = "what is no whole number is refused")]
        let whole = number as i64;
        if whole as f64 == number { Ok(whole) } else { Err(protocol("a number that is not whole")) }
    }
}

fn unsigned(number: i64) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| protocol("a negative number"))
}

fn protocol(what: &str) -> StoreError {
    StoreError::Protocol { reason: what.to_owned() }
}
