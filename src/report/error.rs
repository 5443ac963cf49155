//! What can go wrong while a report is drawn.

/// A report could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A plot could not be drawn.
    #[error("the plot `{plot}` could not be drawn: {cause}")]
    Plot {
        /// Which plot.
        plot: &'static str,
        /// What plotters said; its error type has the backend's life in it, so the text is kept.
        cause: String,
    },
    /// A template is wrong or misses a value.
    #[error("the report's template could not be rendered")]
    Template(#[from] minijinja::Error),
    /// The data could not be written as JSON.
    #[error("the report's data could not be written as JSON")]
    Json(#[from] serde_json::Error),
}
