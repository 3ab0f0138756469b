//! The report as a person reads it.

use std::fmt;

use super::Report;

/// One line of the table.
struct Line<'a>(&'a str, String);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:<16}{}", self.0, self.1)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.what().into_iter().chain(self.speed()).chain(self.promise()) {
            line.fmt(f)?;
        }
        Ok(())
    }
}

impl Report {
    fn what(&self) -> [Line<'_>; 3] {
        let of = &self.configuration;
        let kind = if of.processes { "process" } else { "instance" };
        let burst = of.burst.map_or_else(String::new, |burst| format!(", burst {burst}"));
        let cost = if of.cost == 1 { String::new() } else { format!(", cost {}", of.cost) };
        let shards = format!("shards {}, leases {}", of.shards, of.leases);
        [
            Line("store", of.store.clone()),
            Line("limit", format!("{}{burst}, {}{cost}, {shards}", of.limit, of.algorithm)),
            Line(
                "load",
                format!(
                    "{}, {} each, {} ({})",
                    counted(u64::from(of.instances), kind),
                    counted(u64::from(of.callers), "caller"),
                    counted(u64::from(of.keys), "key"),
                    of.distribution
                ),
            ),
        ]
    }

    fn speed(&self) -> Vec<Line<'_>> {
        let latency = &self.latency_us;
        let errors = self.first_error.as_ref().map_or_else(String::new, |first| format!(" (first: {first})"));
        let sources = &self.by_source;
        let sources = [
            ("store", sources.store),
            ("lease", sources.lease),
            ("denial memory", sources.denial_memory),
            ("fallback", sources.fallback),
            ("other", sources.other),
        ];
        let sources = sources.iter().filter(|(_, count)| *count > 0);
        let sources: Vec<String> =
            sources.map(|(name, count)| format!("{name} {}", grouped(*count))).collect();
        let percentiles = [
            ("p50", latency.p50),
            ("p90", latency.p90),
            ("p99", latency.p99),
            ("p99.9", latency.p99_9),
            ("max", latency.max),
        ];
        let percentiles = percentiles.map(|(name, micros)| format!("{name} {}", duration(micros))).join(", ");
        let sampled = if latency.timed < self.decisions { ", sampled" } else { "" };
        vec![
            Line(
                "decisions",
                format!(
                    "{} in {:.2} s, {:.0}/s",
                    grouped(self.decisions),
                    self.seconds,
                    self.decisions_per_second
                ),
            ),
            Line("latency", format!("{percentiles}{sampled}")),
            Line("admitted", grouped(self.admitted)),
            Line("denied", grouped(self.denied)),
            Line("errors", format!("{}{errors}", grouped(self.errors))),
            Line("decided by", if sources.is_empty() { "nobody".to_owned() } else { sources.join(", ") }),
        ]
    }

    fn promise(&self) -> Vec<Line<'_>> {
        let unit = if self.configuration.cost == 1 { "" } else { " tokens" };
        let admitted = match self.configuration.cost {
            1 => String::new(),
            _ => format!(", {} were", grouped(self.admitted_tokens)),
        };
        let keys = counted(self.judged.keys as u64, "key");
        let mut lines = vec![
            Line(
                "bound",
                format!("at most {}{unit} could be admitted to {keys}{admitted}", grouped(self.bound)),
            ),
            Line("over-admission", format!("{}{unit}", grouped(self.over_admission))),
            Line(
                "utilisation",
                format!("{:.1} % of what was allowed and asked for", self.utilisation * 100.0),
            ),
        ];
        if let Some(worst) = &self.worst {
            let what = format!(
                "key {}: {} of {} admitted from {} to {}",
                worst.key,
                grouped(worst.admitted),
                grouped(worst.allowed),
                duration(worst.from_us as f64),
                duration(worst.to_us as f64)
            );
            lines.push(Line("worst", what));
        }
        if self.judged.store_clock_drift_us > 0 {
            let drift = duration(self.judged.store_clock_drift_us as f64);
            lines.push(Line(
                "note",
                format!("the store's clock was moved by up to {drift}: judged more loosely"),
            ));
        }
        lines
    }
}

fn counted(count: u64, what: &str) -> String {
    let plural = match (count, what.ends_with('s')) {
        (1, _) => "",
        (_, true) => "es",
        (_, false) => "s",
    };
    format!("{} {what}{plural}", grouped(count))
}

/// `1,234,567`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// Three digits of the unit that fits.
fn duration(micros: f64) -> String {
    let (number, unit) = match micros {
        small if small < 1.0 => (small * 1_000.0, "ns"),
        middle if middle < 1_000.0 => (middle, "µs"),
        large if large < 1_000_000.0 => (large / 1_000.0, "ms"),
        huge => (huge / 1_000_000.0, "s"),
    };
    let decimals = match number {
        small if small < 10.0 => 2,
        middle if middle < 100.0 => 1,
        _ => 0,
    };
    format!("{number:.decimals$} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_readable() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0.25, 7.5, 42.0, 1_500.0, 2e6].map(duration),
            ["250 ns", "7.50 µs", "42.0 µs", "1.50 ms", "2.00 s"]
        );
        assert_eq!(
            [counted(1, "process"), counted(4, "process"), counted(2, "key")],
            ["1 process", "4 processes", "2 keys"]
        );
    }
}
