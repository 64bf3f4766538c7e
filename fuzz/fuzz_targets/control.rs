//! The workflow control file.
#![no_main]

use bookend::core::control;
use bookend::files::yaml;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(document) = yaml::parse(data) else { return };
    if let Ok(control) = control::parse(&document) {
        assert!(control.retry_after.is_none_or(|after| !after.is_negative()), "no negative wait");
    }
});
