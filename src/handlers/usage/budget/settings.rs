use std::sync::Arc;

use super::{
    key::KeyOf,
    open::{Most, Refusal},
    reserve::Reserve,
    spending::{Limit, Spending, Unit},
};
use crate::{
    event::LlmStart,
    handlers::usage::{Amount, ModelPrice, PriceTable, window::Windows},
    run::Run,
};

/// What a guard was told to do.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    pub(super) limit: Limit,
    pub(super) prices: Option<PriceTable>,
    pub(super) key: KeyOf,
    pub(super) windows: Option<Windows>,
    pub(super) reserve: Reserve,
    pub(super) max_run_tokens: Option<u64>,
    pub(super) max_run_cost: Option<Amount>,
    pub(super) abort_running: bool,
    pub(super) allow_unpriced: bool,
    pub(super) max_keys: usize,
}

impl Settings {
    pub(super) fn new() -> Self {
        Self {
            limit: Limit::default(),
            prices: None,
            key: KeyOf::default(),
            windows: None,
            reserve: Reserve::default(),
            max_run_tokens: None,
            max_run_cost: None,
            abort_running: false,
            allow_unpriced: false,
            max_keys: 10_000,
        }
    }

    /// Whether money is limited, so that a price must be known.
    pub(super) fn needs_prices(&self) -> bool {
        self.limit.money.is_some() || self.max_run_cost.is_some()
    }

    /// Whether tokens are looked at.
    pub(super) fn watches_tokens(&self) -> bool {
        self.first_token() < u64::MAX
    }

    /// Tokens of a run before this one are passed over: no limit can be passed by them, whatever the model.
    pub(super) fn first_token(&self) -> u64 {
        if self.abort_running && self.limit.is_some() {
            return 0;
        }
        let highest = self.prices.as_ref().map_or(0, PriceTable::highest_output);
        self.most(&ModelPrice::new(0, highest)).tokens
    }

    /// How many tokens a run may have that is not limited by money.
    fn most_tokens(&self) -> Most {
        Most { tokens: self.max_run_tokens.unwrap_or(u64::MAX), by: Unit::Tokens }
    }

    /// How many tokens a run of a model may have.
    pub(super) fn most(&self, price: &ModelPrice) -> Most {
        let most = self.most_tokens();
        let affordable =
            self.max_run_cost.and_then(|cost| cost.pico().checked_div(price.output.into()));
        match affordable.and_then(|tokens| u64::try_from(tokens).ok()) {
            Some(tokens) if tokens < most.tokens => Most { tokens, by: Unit::Money },
            _ => most,
        }
    }

    /// What a run may have, and wants to reserve.
    pub(super) fn ask(&self, run: &Run, start: &LlmStart) -> Result<Ask, Refusal> {
        let model = start.model.as_deref();
        let price = self.prices.as_ref().and_then(|prices| prices.of_either(model, None)).copied();
        if price.is_none() && self.needs_prices() && !self.allow_unpriced {
            return Err(Refusal::Unpriced);
        }
        let tokens = self.reserve.tokens(run, start);
        let asked = Spending {
            tokens: tokens.into(),
            cost: price.map_or(Amount::ZERO, |price| price.of_output(tokens)),
        };
        let most = price.as_ref().map_or_else(|| self.most_tokens(), |price| self.most(price));
        Ok(Ask { reserve: self.limit.only(asked), price, most, model: start.model.clone() })
    }
}

/// What a run asks for when it starts.
pub(super) struct Ask {
    pub(super) reserve: Spending,
    pub(super) price: Option<ModelPrice>,
    pub(super) most: Most,
    pub(super) model: Option<Arc<str>>,
}
