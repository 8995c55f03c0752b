//! The settings as flags, made from the table. Each is text here; `Config::load` reads them all in one way, whatever their origin.

use super::table::{Kind, SETTINGS};
use clap::{Arg, ArgMatches, Args, Command};
use std::collections::BTreeMap;

/// The flags that were given, by the setting's name.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flags {
    given: BTreeMap<&'static str, String>,
}

impl Flags {
    /// The flag for a setting, by the setting's name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.given.get(name).map(String::as_str)
    }

    /// As if the flag had been given so.
    pub(crate) fn set(&mut self, name: &'static str, value: String) {
        self.given.insert(name, value);
    }

    /// The flags as arguments for another run of this program, without those of the named settings and without secrets, which
    /// everybody on the machine could read there.
    pub(crate) fn arguments(&self, without: &[&str]) -> Vec<String> {
        let mut arguments = Vec::new();
        for setting in
            SETTINGS.iter().filter(|setting| setting.kind != Kind::Secret && !without.contains(&setting.name))
        {
            if let (Some(flag), Some(value)) = (setting.flag(), self.get(setting.name)) {
                // In one word: a value may begin with a dash.
                arguments.push(format!("--{flag}={value}"));
            }
        }
        arguments
    }

    #[cfg(test)]
    pub(crate) fn of(pairs: &[(&'static str, &str)]) -> Flags {
        Flags { given: pairs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect() }
    }
}

impl clap::FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Flags, clap::Error> {
        let mut flags = Flags::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for setting in SETTINGS.iter().filter(|setting| setting.flag().is_some()) {
            if let Some(value) = matches.get_one::<String>(setting.name) {
                self.given.insert(setting.name, value.clone());
            }
        }
        Ok(())
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        SETTINGS.iter().fold(command, |command, setting| {
            let Some(flag) = setting.flag() else { return command };
            let help = format!("{} [env: {}] [default: {}]", setting.about, setting.name, setting.default);
            let arg = Arg::new(setting.name).long(flag).value_name(setting.value).help(help).global(true);
            command.arg(match setting.name {
                "PORT" => arg.short('p'),
                "UPSTREAM_URL" => arg.short('u'),
                _ => arg,
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args(command)
    }
}
