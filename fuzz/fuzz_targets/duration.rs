//! Go durations: what is read is written so that it reads the same.
#![no_main]

use bookend::core::control::{format_go_duration, parse_go_duration};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(duration) = parse_go_duration(text) else { return };
    let written = format_go_duration(duration);
    assert_eq!(parse_go_duration(&written), Ok(duration), "{text} -> {written}");
});
