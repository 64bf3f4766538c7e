//! What must hold after a case: what was recorded, unless a ruling says otherwise.

use serde_json::Value;

use super::case::{Case, Objects, Published};

/// How a run must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Success,
    /// Any exit code but 0.
    Failure,
    /// This exit code.
    Code(i32),
}

#[derive(Debug, Clone)]
pub(crate) struct Expect {
    pub(crate) end: End,
    /// Every object afterwards. The last five letters of the name of a new one are free.
    pub(crate) objects: Objects,
    /// File written by the reader, with the object that it holds.
    pub(crate) published: Option<Published>,
    /// Texts that the log and the error must hold.
    pub(crate) says: Vec<&'static str>,
    /// Whether more requests than the original's are right here.
    pub(crate) more_requests: bool,
}

impl Expect {
    /// Returns what the recording says.
    pub(crate) fn recorded(case: &Case) -> Self {
        let mut objects = case.objects.clone();
        objects.extend(case.changed.clone());
        objects.extend(case.created.clone());
        let published = case.published.clone().map(|mut published| {
            if let Some(key) = published.is.as_str() {
                published.is = case.objects[key].clone();
            }
            published
        });
        let end = if case.succeeded() { End::Success } else { End::Failure };
        Self { end, objects, published, says: Vec::new(), more_requests: false }
    }

    /// Fails with this exit code, says these words, and touches nothing.
    pub(crate) fn refuses(&mut self, case: &Case, code: i32, says: &[&'static str]) {
        self.end = End::Code(code);
        self.objects = case.objects.clone();
        self.published = None;
        self.says = says.to_vec();
    }

    /// Succeeds and leaves every object as it was.
    pub(crate) fn changes_nothing(&mut self, case: &Case) {
        self.end = End::Success;
        self.objects = case.objects.clone();
    }

    /// Returns the only object that is not a Work.
    pub(crate) fn object(&mut self) -> &mut Value {
        let mut objects = self.objects.values_mut().filter(|object| object["kind"] != "Work");
        objects.next().expect("the case has an object")
    }

    /// Returns the status of the only object that is not a Work.
    pub(crate) fn status(&mut self) -> &mut Value {
        &mut self.object()["status"]
    }

    /// Returns the only Work.
    pub(crate) fn work(&mut self) -> &mut Value {
        let mut works = self.objects.values_mut().filter(|object| object["kind"] == "Work");
        works.next().expect("the case has a Work")
    }
}
