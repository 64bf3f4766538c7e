//! An error of one of the platform's containers, told with the paths that a pipeline's author knows.
//!
//! Here a volume is a folder below a temporary one that is gone when the error is read.

use std::error::Error;
use std::fmt;
use std::path::Path;

use crate::exit::{Exit, Fault};

/// The text of an error and of its causes.
#[derive(Debug)]
struct Line {
    text: String,
    source: Option<Box<Self>>,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Line {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

/// A failure of one of the platform's containers: what it says, with other paths.
#[derive(Debug)]
pub struct StepFailed {
    line: Line,
    exit: Exit,
    hint: Option<String>,
}

impl StepFailed {
    /// Takes over what `fault` says; each folder of this machine becomes the path beside it.
    pub(super) fn new(fault: &dyn Fault, folders: &[(&Path, &str)]) -> Self {
        let retold = |text: String| {
            folders
                .iter()
                .fold(text, |text, (here, there)| text.replace(&here.display().to_string(), there))
        };
        let mut texts = vec![retold(fault.to_string())];
        let mut cause = fault.source();
        while let Some(error) = cause {
            texts.push(retold(error.to_string()));
            cause = error.source();
        }
        let chain =
            texts.into_iter().rfold(None, |source, text| Some(Box::new(Line { text, source })));
        let line = chain.map_or_else(|| Line { text: String::new(), source: None }, |line| *line);
        Self { line, exit: fault.exit(), hint: fault.hint().map(retold) }
    }
}

impl fmt::Display for StepFailed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.line.fmt(f)
    }
}

impl Error for StepFailed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.line.source()
    }
}

impl Fault for StepFailed {
    fn exit(&self) -> Exit {
        self.exit
    }

    fn hint(&self) -> Option<String> {
        self.hint.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::FileError;

    #[test]
    fn every_line_has_the_paths_of_the_pod() {
        let path = "/tmp/run/output/a".into();
        let source = std::io::Error::other("cannot open /tmp/run/output/a");
        let fault = FileError::Write { path, source };
        let told = StepFailed::new(&fault, &[(Path::new("/tmp/run/output"), "/out")]);
        assert_eq!(told.to_string(), "failed to write `/out/a`");
        assert_eq!(told.source().unwrap().to_string(), "cannot open /out/a");
        assert_eq!((told.exit(), told.hint()), (Exit::Input, None));
    }
}
