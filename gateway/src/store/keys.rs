//! Keys of a project.

use empiric_schema::db::entity::api_key;
use sea_orm::sea_query::Expr;
use sea_orm::{
    ActiveModelTrait as _, ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _,
    QueryOrder as _,
};

use super::Store;
use crate::error::GatewayError;

impl Store {
    /// All keys of a project, taken back or not, the oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub async fn keys(&self, project: &str) -> Result<Vec<api_key::Model>, GatewayError> {
        let keys = api_key::Entity::find().filter(api_key::Column::Project.eq(project));
        Ok(keys.order_by_asc(api_key::Column::Created).all(&self.connection).await?)
    }

    /// Takes back all keys of this name and says how many there were.
    ///
    /// # Errors
    /// The database cannot be written.
    pub async fn revoke_key(&self, project: &str, name: &str, at: f64) -> Result<u64, GatewayError> {
        let keys = api_key::Entity::update_many()
            .col_expr(api_key::Column::Revoked, Expr::value(at))
            .filter(api_key::Column::Project.eq(project))
            .filter(api_key::Column::Name.eq(name))
            .filter(api_key::Column::Revoked.is_null());
        Ok(keys.exec(&self.connection).await?.rows_affected)
    }

    pub(crate) async fn add_key(&self, row: api_key::Model) -> Result<(), GatewayError> {
        row.into_active_model().insert(&self.connection).await?;
        Ok(())
    }
}
