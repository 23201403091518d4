use std::collections::{BTreeMap, HashMap};

use tower_llm_callbacks::{
    Callbacks,
    handlers::{BudgetGuard, BudgetReport, Prices},
};

use crate::{
    config::{BudgetSettings, Settings},
    tenants::Tenants,
};

/// The guards of tenants, by their names. That of all calls together has no name.
#[derive(Default)]
pub(crate) struct Budgets(HashMap<String, Guarded>);

struct Guarded {
    settings: BudgetSettings,
    guard: BudgetGuard,
    callbacks: Callbacks,
}

impl Budgets {
    /// Returns the guards of new settings. What was spent stays spent, unless a budget is of another period.
    pub(crate) fn of(
        &self,
        settings: &Settings,
        tenants: &Tenants,
        prices: Option<&Prices>,
    ) -> Self {
        let of_tenant = |it: &crate::tenants::Tenant| Some((it.name.clone(), it.budget.clone()?));
        let mut wanted: Vec<_> = tenants.all.iter().filter_map(of_tenant).collect();
        if let (Some(budget), true) = (&settings.budget, tenants.all.is_empty()) {
            wanted.push((String::new(), budget.clone()));
        }
        let guarded = |(name, settings): (String, BudgetSettings)| {
            let before = self.0.get(&name);
            let (guard, callbacks) = match before {
                Some(before) if before.settings == settings => {
                    (before.guard.clone(), before.callbacks.clone())
                }
                before => {
                    let guard = settings.guard(prices, before.map(|it| &it.guard));
                    (guard.clone(), Callbacks::new().inline(guard))
                }
            };
            (name, Guarded { settings, guard, callbacks })
        };
        Self(wanted.into_iter().map(guarded).collect())
    }

    /// Returns the guard of a tenant, as a set of handlers.
    pub(crate) fn guard(&self, tenant: &str) -> Option<&Callbacks> {
        self.0.get(tenant).map(|guarded| &guarded.callbacks)
    }

    pub(crate) fn reports(&self) -> BTreeMap<String, BudgetReport> {
        self.0.iter().map(|(name, it)| (name.clone(), it.guard.report())).collect()
    }
}
