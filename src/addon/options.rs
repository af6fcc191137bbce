//! Options and their names.

use std::collections::HashSet;
use std::sync::{LazyLock, Mutex};

use napi_derive::napi;

use crate::config::options::{CALLBACKS, OPTIONS, misspelt};
use crate::sync::lock;

/// More than this is no mistake of somebody's, and would only fill memory.
const MOST_COMPLAINTS: usize = 1000;

/// What this process has been told of already, by any of its threads.
static SAID: LazyLock<Mutex<HashSet<String>>> = LazyLock::new(Mutex::default);

/// The names of options: those that are data, and those that are functions.
#[napi(object, object_from_js = false)]
pub struct OptionNames {
    /// Data, which goes to the core as JSON.
    pub data: Vec<&'static str>,
    /// Functions.
    pub callbacks: Vec<&'static str>,
}

/// The names of all options at the top of a configuration.
#[napi(catch_unwind)]
pub fn option_names() -> OptionNames {
    OptionNames { data: OPTIONS.to_vec(), callbacks: CALLBACKS.to_vec() }
}

/// What to say of names in a configuration that are no options, once in a process each. `config` is its JSON, in which what is no
/// option stands with `null`.
#[napi(catch_unwind)]
pub fn misspelt_options(config: String) -> Vec<String> {
    let mut complaints = misspelt(&config);
    let mut said = lock(&SAID);
    complaints.retain(|complaint| said.len() < MOST_COMPLAINTS && said.insert(complaint.clone()));
    complaints
}
