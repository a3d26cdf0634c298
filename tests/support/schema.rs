//! The schema that `axt schema` prints, to check what is printed with `--json`.

use boon::{Compiler, Schemas};
use serde_json::{Deserializer, Value};

/// The schema, compiled.
pub(crate) struct Schema {
    compiler: Compiler,
    schemas: Schemas,
}

impl Schema {
    pub(crate) fn new() -> Self {
        let text = include_str!("../../src/json/schema.json");
        let mut compiler = Compiler::new();
        let schema = serde_json::from_str(text).unwrap();
        compiler.add_resource("axt.json", schema).unwrap();
        Self {
            compiler,
            schemas: Schemas::new(),
        }
    }

    /// Fails unless the text is a document of this kind.
    pub(crate) fn check(&mut self, kind: &str, text: &str) -> Value {
        let value = serde_json::from_str(text).unwrap();
        self.validate(&format!("axt.json#/$defs/{kind}"), &value);
        value
    }

    /// Fails unless all that a run printed is of some kind: documents or events on standard output, and failures
    /// among the lines on standard error.
    pub(crate) fn check_run(&mut self, stdout: &str, stderr: &str) {
        for value in Deserializer::from_str(stdout).into_iter() {
            self.validate("axt.json", &value.unwrap());
        }
        for line in stderr.lines().filter(|line| line.starts_with('{')) {
            self.check("failure", line);
        }
    }

    fn validate(&mut self, place: &str, value: &Value) {
        let index = self.compiler.compile(place, &mut self.schemas).unwrap();
        if let Err(error) = self.schemas.validate(value, index) {
            panic!("{place}: {error:#}: {value}");
        }
    }
}
