//! What the gateway is to do: options of the command line and keys of a file, which mean the same.

mod budget;
mod check;
mod file;
mod files;
mod limits;
mod loaded;
mod merge;
mod otlp;
mod prices;
mod problem;
mod settings;
mod sink;
mod tenant;
mod upstream;
mod values;

pub(crate) use self::{
    budget::BudgetSettings,
    files::resolved,
    limits::LimitsSettings,
    loaded::Loaded,
    otlp::OtlpSettings,
    problem::Problem,
    settings::Settings,
    sink::{JsonlSettings, SinkSettings, Texts, key_of},
    upstream::Pattern,
    values::KeyHash,
};
