//! Destination selectors, of a pipeline and of a Promise.
#![no_main]

use bookend::core::selectors;
use bookend::files::yaml;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(document) = yaml::parse(data) else { return };
    let promise = selectors::parse_promise(&document).unwrap_or_default();
    let Ok(entries) = selectors::parse(&document) else { return };
    let _ = selectors::contradictions(&entries, &promise);
    for entry in &entries {
        let directory = entry.directory.as_str();
        assert!(!directory.contains('/') && directory != "..", "leaves the output: {directory}");
        assert!(!entry.match_labels.is_empty(), "an entry selects something");
    }
});
