//! The window that processes share: the script that Redis runs, what goes into it and what comes out.

use std::time::Duration;

use super::command::script;
use crate::net::limiter::shared::{WindowGrant, WindowReport};

/// Runs on Redis with one key, by its own clock.
pub const WINDOW_SCRIPT: &str = include_str!("window.lua");

/// The script's own bound: two days.
const LONGEST_WAIT_MS: i64 = 2 * 24 * 3600 * 1000;

script!(
    /// Takes a report, grants places.
    pub(super) WINDOW,
    WINDOW_SCRIPT
);

/// The script's arguments.
#[must_use]
pub fn window_arguments(report: &WindowReport) -> Vec<String> {
    let WindowReport { process, number, requests, hold, has_past, held, wanted, answered } = report;
    let mut arguments = vec![format!("{process:016x}")];
    arguments.extend([*number, u64::from(*requests)].map(|number| number.to_string()));
    arguments.push(hold.as_millis().to_string());
    arguments.extend([u32::from(*has_past), *held, *wanted].map(|number| number.to_string()));
    arguments.extend(answered.iter().flat_map(|(age, requests)| [age.to_string(), requests.to_string()]));
    arguments
}

/// The script's answer to `report`; `None` where it is not one.
#[must_use]
pub fn window_grant(report: &WindowReport, answer: &[i64]) -> Option<WindowGrant> {
    let &[granted, wait, processes] = answer else { return None };
    Some(WindowGrant {
        granted: u32::try_from(granted).ok().filter(|granted| *granted <= report.wanted)?,
        opens: u64::try_from(wait).ok().filter(|_| wait <= LONGEST_WAIT_MS).map(Duration::from_millis)?,
        processes: u32::try_from(processes).ok().filter(|processes| *processes > 0)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(wanted: u32) -> WindowReport {
        WindowReport { process: 1, wanted, ..WindowReport::default() }
    }

    #[test]
    fn a_report_is_written_as_the_script_reads_it() {
        let report = WindowReport {
            process: 0xABC,
            number: 7,
            requests: 300,
            hold: Duration::from_millis(60_060),
            has_past: true,
            held: 2,
            wanted: 5,
            answered: vec![(40, 3), (12, 1)],
        };
        let words = "0000000000000abc 7 300 60060 1 2 5 40 3 12 1";
        assert_eq!(window_arguments(&report).join(" "), words);
    }

    #[test]
    fn nothing_is_believed_that_the_script_cannot_say() {
        let grant = WindowGrant { granted: 2, opens: Duration::from_millis(40), processes: 8 };
        assert_eq!(window_grant(&wants(2), &[2, 40, 8]), Some(grant));
        for answer in [&[3, 0, 1][..], &[-1, 0, 1], &[0, -1, 1], &[0, i64::MAX, 1], &[0, 0, 0], &[0, 0], &[0, 0, 1, 1]]
        {
            assert_eq!(window_grant(&wants(2), answer), None, "{answer:?}");
        }
    }
}
