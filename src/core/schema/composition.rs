//! `allOf`, `anyOf`, `oneOf`, `not`.

use serde_json::Value;

use super::validate::Walk;

impl Walk {
    pub(super) fn compositions(&mut self, schema: &Value, value: &Value, path: &str) {
        self.all_of(schema, value, path);
        self.any_of(schema, value, path);
        self.one_of(schema, value, path);
        if let Some(schema) = schema.get("not")
            && self.alone(schema, value, path).violations.is_empty()
        {
            self.refuse_composition(path, "must not validate the schema (not)");
        }
    }

    fn all_of(&mut self, schema: &Value, value: &Value, path: &str) {
        let before = self.violations.len();
        for schema in list(schema, "allOf") {
            let mut walk = self.alone(schema, value, path);
            self.violations.append(&mut walk.violations);
        }
        if self.violations.len() > before {
            self.refuse_composition(path, "must validate all the schemas (allOf)");
        }
    }

    fn any_of(&mut self, schema: &Value, value: &Value, path: &str) {
        let mut first = None;
        for schema in list(schema, "anyOf") {
            let walk = self.alone(schema, value, path);
            if walk.violations.is_empty() {
                return;
            }
            first.get_or_insert(walk);
        }
        if let Some(mut walk) = first {
            self.refuse_composition(path, "must validate at least one schema (anyOf)");
            self.violations.append(&mut walk.violations);
        }
    }

    fn one_of(&mut self, schema: &Value, value: &Value, path: &str) {
        const ONE: &str = "must validate one and only one schema (oneOf).";
        let (mut first, mut valid) = (None, 0);
        for schema in list(schema, "oneOf") {
            let walk = self.alone(schema, value, path);
            if walk.violations.is_empty() {
                valid += 1;
            }
            first.get_or_insert(walk);
        }
        match (first, valid) {
            (None, _) | (_, 1) => {}
            (Some(mut walk), 0) => {
                self.refuse_composition(path, &format!("{ONE} Found none valid"));
                self.violations.append(&mut walk.violations);
            }
            (Some(_), valid) => {
                self.refuse_composition(path, &format!("{ONE} Found {valid} valid alternatives"));
            }
        }
    }

    /// Checks a value by one alternative. What could not be checked counts for the whole.
    fn alone(&mut self, schema: &Value, value: &Value, path: &str) -> Self {
        let mut walk = Self::default();
        walk.value(schema, value, path);
        self.notes.append(&mut walk.notes);
        walk
    }

    fn refuse_composition(&mut self, path: &str, rule: &str) {
        self.refuse(path, format!("Invalid value: \"\": \"{path}\" {rule}"));
    }
}

fn list<'a>(schema: &'a Value, key: &str) -> &'a [Value] {
    schema.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}
