//! Error codes of the language. Each has a page under `docs/errors/`.

use std::fmt;

/// Defines the codes once: variant, number and the one-line meaning.
macro_rules! codes {
    ($($variant:ident = $code:literal, $meaning:literal;)*) => {
        /// What kind of problem a diagnostic reports.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode {
            $(#[doc = $meaning] $variant,)*
        }

        impl ErrorCode {
            /// Every code, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as people and pages write it, such as `E0103`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)* }
            }

            /// The kind of problem in a few words.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => $meaning,)* }
            }
        }
    };
}

codes! {
    Syntax = "E0101", "the file is not YAML";
    File = "E0102", "the file is empty or too large";
    UnknownKey = "E0103", "a key is unknown";
    DuplicateKey = "E0104", "a key is given twice";
    WrongType = "E0105", "a value has the wrong type";
    MissingKey = "E0106", "a key is missing";
    UnknownValue = "E0107", "a value is not one of the choices";
    OutOfRange = "E0108", "a value is outside its range";
    UnsupportedYaml = "E0109", "a feature of YAML is not accepted";
    UnknownName = "E0110", "a name is not defined";
    DuplicateName = "E0111", "a name is used twice";
    Criterion = "E0112", "a success criterion has no bound or two";
    Labels = "E0113", "labels and task do not fit";
    Source = "E0114", "a source is wrong";
    Quantity = "E0115", "a quantity cannot be read";
    Assertion = "E0116", "an assertion is wrong";
    Secret = "E0117", "a secret stands in the file";
    Endpoint = "E0118", "an endpoint's address is refused";
    ModelOrigin = "E0119", "a model's keys do not fit together";
    Prerequisite = "E0120", "a technique lacks what it needs";
    Stages = "E0121", "the stages do not fit together";
    Name = "E0122", "a name has a wrong form";
    Template = "E0123", "a template is wrong";
    SharedSplit = "E0124", "two splits are the same file";
    DataSyntax = "E0201", "a line is not JSON";
    DataBytes = "E0202", "a line has bytes that are not text";
    DataSize = "E0203", "a line is too long";
    DataMissingKey = "E0204", "an item lacks a key";
    DataUnknownKey = "E0205", "an item has an unknown key";
    DataWrongType = "E0206", "a value of an item has the wrong type";
    DataEmptyValue = "E0207", "a value of an item is empty";
    DataDuplicateId = "E0208", "two items have one id";
    DataEmptyFile = "E0209", "a data file has no items";
    DataDuplicateKey = "E0210", "an item has a key twice";
    DataMessages = "E0211", "a chat is not an item";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
