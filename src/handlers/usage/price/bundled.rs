use std::sync::Arc;

use genai_prices::Calculator;

use super::{
    PriceDataError, Prices,
    genai::{Data, Genai},
};

impl Prices {
    /// Where the current data of genai-prices is, for [`from_genai_json`](Self::from_genai_json).
    #[cfg_attr(docsrs, doc(cfg(feature = "prices")))]
    pub const GENAI_DATA_URL: &str = genai_prices::REMOTE_DATA_URL;

    /// Returns the prices that ship with the crate [`genai-prices`](https://docs.rs/genai-prices) (Pydantic): those of
    /// some 50 providers and 2,000 models in US dollars, collected by its community. Crate and data are under the MIT licence.
    ///
    /// A model is looked up at the provider that the [URL][url] of the call shows, else at that which it
    /// [names][provider], else, if the provider is unknown, by its own name. The price is that of the tokens of
    /// each kind: input, output, cache reads and writes (by lifetime where that matters), reasoning, audio, images and
    /// searches, as far as the [usage](crate::Usage::details) says how many there are. It depends on the length of the input,
    /// the service tier, the date and the time of day where the provider's does.
    ///
    /// A cost that the provider itself [reports](crate::event::PricedCall::reported_cost) comes before these prices.
    ///
    /// The first call decodes the data, which takes some 50 ms and 18 MB of memory. It is done once.
    ///
    /// [url]: crate::event::PricedCall::url
    /// [provider]: crate::event::PricedCall::provider
    ///
    /// ```
    /// use tower_llm_callbacks::{Usage, event::{PriceSource, PricedCall}, handlers::{PriceTable, Prices}};
    ///
    /// let usage = Usage::new(1_000, 100);
    /// let call = PricedCall::new("anthropic", Some("claude-3-haiku-20240307"), &usage);
    /// let price = Prices::bundled().price_of(&call).expect("the model has a price");
    /// assert_eq!(price.amount.to_string(), "0.000375");
    ///
    /// // Prices of one's own contract come first.
    /// let own: PriceTable = r#"{"currency": "USD", "models": {"claude-3-haiku-*": {"input": 0.2, "output": 1}}}"#.parse()?;
    /// let prices = Prices::from(own).or(Prices::bundled());
    /// assert_eq!(prices.price_of(&call).expect("the table has it").amount.to_string(), "0.0003");
    /// # Ok::<(), tower_llm_callbacks::handlers::PriceTableError>(())
    /// ```
    #[cfg_attr(docsrs, doc(cfg(feature = "prices")))]
    pub fn bundled() -> Self {
        Self::of(Arc::new(Genai::new(Data::Bundled(Calculator::bundled()))))
    }

    /// Reads newer data of genai-prices, that is, what is at [`GENAI_DATA_URL`](Self::GENAI_DATA_URL). This crate downloads
    /// nothing by itself.
    ///
    /// ```no_run
    /// use std::{error::Error, fs, time::Duration};
    /// use tower_llm_callbacks::handlers::Prices;
    ///
    /// /// Reads a file that a timer downloads. What layers and handlers have is a clone of `prices`.
    /// async fn refresh(prices: Prices) {
    ///     loop {
    ///         tokio::time::sleep(Duration::from_secs(24 * 3600)).await;
    ///         match read() {
    ///             Ok(new) => prices.replace(new),
    ///             Err(error) => eprintln!("the prices stay as they are: {error}"),
    ///         }
    ///     }
    /// }
    ///
    /// fn read() -> Result<Prices, Box<dyn Error>> {
    ///     Ok(Prices::from_genai_json(fs::read("/var/lib/prices.json")?)?)
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// If the data is not valid. Decoding takes some 50 ms, which is long for a thread of a runtime.
    #[cfg_attr(docsrs, doc(cfg(feature = "prices")))]
    pub fn from_genai_json(data: impl AsRef<[u8]>) -> Result<Self, PriceDataError> {
        let calculator = Calculator::from_json(data).map_err(PriceDataError)?;
        Ok(Self::of(Arc::new(Genai::new(Data::Read(calculator)))))
    }
}
