//! How far it is, on standard error; nothing where that is no terminal.

use drl_load::Tick;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    pub(super) fn show(&self, tick: Tick) {
        let millis = |span: std::time::Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        self.0.set_length(millis(tick.length));
        self.0.set_position(millis(tick.passed));
        let speed = tick.decisions as f64 / tick.passed.as_secs_f64().max(1e-3);
        self.0.set_message(format!("{} decisions, {speed:.0}/s", tick.decisions));
    }

    /// Leaves no trace.
    pub(super) fn clear(&self) {
        self.0.finish_and_clear();
    }
}
