//! The Lua scripts, each in a file of its own that names its keys, its arguments and its results.

use redis::Script;

/// What all scripts share.
const LIBRARY: &str = include_str!("lua/lib.lua");

macro_rules! scripts {
    ($($name:ident),* $(,)?) => {
        /// All scripts of the store.
        pub struct Scripts {
            $(pub $name: Script,)*
        }

        impl Scripts {
            /// Compiled by Redis when first used.
            pub fn new() -> Self {
                Self { $($name: Script::new(&format!("{LIBRARY}\n{}", include_str!(concat!("lua/", stringify!($name), ".lua")))),)* }
            }
        }

        #[cfg(test)]
        const ALL: &[(&str, &str)] = &[$((stringify!($name), include_str!(concat!("lua/", stringify!($name), ".lua")))),*];
    };
}

scripts!(
    active,
    append,
    begin,
    bury,
    claim_session,
    condemn,
    finish,
    forget_consumers,
    known,
    lapsed,
    lease_end,
    list_lease,
    read,
    reap,
    refuse_message,
    remove_session,
    renew,
    restore,
    resume,
    seize,
    settle,
    suspend,
    task,
    trim,
    unlist,
    wait_again,
    withdraw,
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_script_says_what_it_is_for_and_names_its_keys() {
        for (name, text) in ALL {
            assert!(text.starts_with("--[[\n"), "{name} has no header");
            let header = text.split("]]").next().unwrap();
            assert!(header.contains("\n  Keys: "), "{name} does not name its keys");
        }
    }
}
