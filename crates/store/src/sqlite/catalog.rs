//! The catalogue in `SQLite`.

use std::{collections::BTreeMap, sync::Arc};

use gatewayz_cache_core::UnixMillis;
use gatewayz_catalog::{
    CatalogStore, Changes, Listing, ModelHealth, ModelId, Pricing, PricingSource, Provider, RowFilter, RowKey, Slug,
    StoreError, StoredModel, WriteMode,
};
use rusqlite::{Connection, OptionalExtension as _, Row, Statement, ToSql, params};

use super::SqliteStore;
use crate::{
    convert::{self, ListingRow, PRICES, PricingRow, ProviderRow, count, counted, counted_if, millis},
    error::Fail,
    listed::{Difference, Fingerprint, Known, KnownRows, difference, fingerprints},
};

/// The columns of a [`StoredModel`], in the order in which [`stored`] reads them.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT m.id, m.provider_id, p.slug, m.listing, m.removed_at, m.updated_at, m.health_status,
                m.average_response_time_ms, m.last_health_check_at, o.model_id, o.tiers,
                o.price_per_input_token, o.price_per_output_token, o.price_per_cache_read_token,
                o.price_per_cache_write_token, o.price_per_reasoning_token, o.price_per_audio_token,
                o.price_per_request, o.price_per_image_token, o.price_per_web_search
            FROM models m JOIN providers p ON p.id = m.provider_id LEFT JOIN model_pricing o ON o.model_id = m.id ",
            $rest
        )
    };
}

impl CatalogStore for SqliteStore {
    async fn put_providers(&self, providers: &[Provider]) -> Result<Changes, StoreError> {
        let rows: BTreeMap<Slug, Provider> = providers.iter().map(|row| (row.slug.clone(), row.clone())).collect();
        let now = self.now();
        self.write(move |connection| put_providers(connection, rows, now))
            .await
            .map_err(Fail::store)
    }

    async fn providers(&self) -> Result<Vec<Provider>, StoreError> {
        self.read(|connection| Ok(providers(connection)?.into_values().collect()))
            .await
            .map_err(Fail::store)
    }

    async fn replace_models(
        &self,
        provider: &Slug,
        listed: &[Listing],
        now: UnixMillis,
        mode: WriteMode,
    ) -> Result<Changes, StoreError> {
        let prints: Arc<[Fingerprint]> = fingerprints(listed).await.into();
        // A look first: most lists are as they were, and then nobody has to wait for the lock.
        let look = {
            let (provider, prints) = (provider.clone(), Arc::clone(&prints));
            self.read(move |connection| Ok(compare(connection, &provider, &prints)?.1.changes))
        };
        let changes = look.await.map_err(Fail::store)?;
        if mode == WriteMode::DryRun || changes.written() == 0 {
            return Ok(changes);
        }
        let mut rows = Vec::with_capacity(prints.len());
        for (at, print) in prints.iter().enumerate() {
            // Each print is of a row of this list.
            if let Some(listing) = listed.get(print.at) {
                rows.push((ListingRow::new(listing)?, listing.abilities));
            }
            if at % crate::listed::BREATH == 0 {
                tokio::task::yield_now().await;
            }
        }
        let provider = provider.clone();
        self.write(move |connection| {
            let (provider, difference) = compare(connection, &provider, &prints)?;
            write_models(connection, provider, &difference, &prints, &rows, now)?;
            Ok(difference.changes)
        })
        .await
        .map_err(Fail::store)
    }

    async fn models_page(
        &self,
        filter: &RowFilter,
        after: Option<RowKey>,
        limit: u32,
    ) -> Result<Vec<StoredModel>, StoreError> {
        let (filter, after) = (filter.clone(), after.map_or(i64::MIN, |key| key.0));
        let page = move |connection: &mut Connection| {
            let mut rows = connection.prepare_cached(match (&filter.provider, filter.inactive) {
                (None, false) => {
                    select!("WHERE m.id > ?1 AND p.is_active AND m.is_active ORDER BY m.id LIMIT ?2")
                }
                (None, true) => select!("WHERE m.id > ?1 AND p.is_active ORDER BY m.id LIMIT ?2"),
                (Some(_), false) => {
                    select!("WHERE m.id > ?1 AND p.slug = ?3 AND m.is_active ORDER BY m.id LIMIT ?2")
                }
                (Some(_), true) => select!("WHERE m.id > ?1 AND p.slug = ?3 ORDER BY m.id LIMIT ?2"),
            })?;
            let page = match &filter.provider {
                None => stored_all(&mut rows, params![after, limit]),
                Some(slug) => stored_all(&mut rows, params![after, limit, slug.as_str()]),
            }?;
            drop(rows);
            if limit == u32::MAX {
                // The whole is read seldom: its pages need not stay in memory until then.
                connection.execute_batch("PRAGMA shrink_memory")?;
            }
            Ok(page)
        };
        self.read(page).await.map_err(Fail::store)
    }

    async fn model(&self, provider: &Slug, id: &ModelId) -> Result<Option<StoredModel>, StoreError> {
        let (provider, id) = (provider.clone(), id.clone());
        let one = move |connection: &mut Connection| {
            let mut rows = connection.prepare_cached(select!("WHERE p.slug = ?1 AND m.provider_model_id = ?2"))?;
            Ok(stored_all(&mut rows, params![provider.as_str(), id.as_str()])?.pop())
        };
        self.read(one).await.map_err(Fail::store)
    }

    async fn set_operator_pricing(
        &self,
        provider: &Slug,
        id: &ModelId,
        pricing: Option<&Pricing>,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        let (provider, id, pricing) = (provider.clone(), id.clone(), pricing.map(PricingRow::new).transpose()?);
        let set = move |connection: &Connection| {
            let Some(key) = key_of(connection, &provider, &id)? else {
                return Ok(false);
            };
            set_pricing(connection, key, pricing.as_ref(), now)?;
            Ok(true)
        };
        self.write(set).await.map_err(Fail::store)
    }

    async fn set_model_health(&self, provider: &Slug, id: &ModelId, health: &ModelHealth) -> Result<bool, StoreError> {
        let (provider, id, health) = (provider.clone(), id.clone(), *health);
        let set = move |connection: &Connection| {
            let mut set = connection.prepare_cached(
                "UPDATE models SET health_status = ?3, average_response_time_ms = ?4, last_health_check_at = ?5
                WHERE provider_id = (SELECT id FROM providers WHERE slug = ?1) AND provider_model_id = ?2",
            )?;
            Ok(set.execute(params![
                provider.as_str(),
                id.as_str(),
                health.status.as_str(),
                health.average_response_time_ms,
                health.checked_at.map(time),
            ])? > 0)
        };
        self.write(set).await.map_err(Fail::store)
    }
}

pub(super) fn time(time: UnixMillis) -> i64 {
    count(millis(time))
}

pub(super) fn timed(column: &'static str, millis: Option<i64>) -> Result<Option<UnixMillis>, StoreError> {
    Ok(counted_if(column, millis)?.map(UnixMillis))
}

fn providers(connection: &Connection) -> Result<BTreeMap<Slug, Provider>, Fail> {
    let mut rows = connection
        .prepare_cached("SELECT slug, name, base_url, api_key_env_var, site_url, is_active, metadata FROM providers")?;
    let mut rows = rows.query([])?;
    let mut all = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let provider = ProviderRow {
            slug: row.get(0)?,
            name: row.get(1)?,
            base_url: row.get(2)?,
            api_key_env: row.get(3)?,
            site_url: row.get(4)?,
            active: row.get(5)?,
            metadata: row.get(6)?,
        }
        .provider()?;
        all.insert(provider.slug.clone(), provider);
    }
    Ok(all)
}

fn put_providers(connection: &Connection, rows: BTreeMap<Slug, Provider>, now: UnixMillis) -> Result<Changes, Fail> {
    let known = providers(connection)?;
    let mut put = connection.prepare_cached(
        "INSERT INTO providers (slug, name, base_url, api_key_env_var, site_url, is_active, metadata, created_at,
            updated_at)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)
        ON CONFLICT (slug) DO UPDATE SET name = excluded.name, base_url = excluded.base_url,
            api_key_env_var = excluded.api_key_env_var, site_url = excluded.site_url, is_active = excluded.is_active,
            metadata = excluded.metadata, updated_at = excluded.updated_at",
    )?;
    let mut changes = Changes::default();
    for (slug, provider) in rows {
        match known.get(&slug) {
            Some(same) if *same == provider => {
                changes.unchanged += 1;
                continue;
            }
            Some(_) => changes.changed += 1,
            None => changes.added += 1,
        }
        let row = ProviderRow::new(&provider)?;
        put.execute(params![
            row.slug,
            row.name,
            row.base_url,
            row.api_key_env,
            row.site_url,
            row.active,
            row.metadata,
            time(now)
        ])?;
    }
    Ok(changes)
}

/// The key of the provider, and what the list changes.
fn compare(connection: &Connection, provider: &Slug, prints: &[Fingerprint]) -> Result<(i64, Difference), Fail> {
    let mut id = connection.prepare_cached("SELECT id FROM providers WHERE slug = ?1")?;
    let Some(key) = id.query_row([provider.as_str()], |row| row.get(0)).optional()? else {
        return Err(StoreError::UnknownProvider(provider.clone()).into());
    };
    let mut rows = connection
        .prepare_cached("SELECT provider_model_id, id, listing_digest, is_active FROM models WHERE provider_id = ?1")?;
    let mut rows = rows.query([key])?;
    let mut known = KnownRows::default();
    while let Some(row) = rows.next()? {
        let row_known = Known {
            key: row.get(1)?,
            digest: row.get_ref(2)?.as_blob().ok().and_then(|digest| digest.try_into().ok()),
            active: row.get(3)?,
        };
        known.insert(row.get(0)?, row_known);
    }
    Ok((key, difference(prints, known)))
}

fn write_models(
    connection: &Connection,
    provider: i64,
    difference: &Difference,
    prints: &[Fingerprint],
    rows: &[(ListingRow, gatewayz_catalog::Abilities)],
    now: UnixMillis,
) -> Result<(), Fail> {
    let now = time(now);
    let mut put = connection.prepare_cached(
        "INSERT INTO models (provider_id, provider_model_id, model_name, context_length, modality, supports_streaming,
            supports_function_calling, supports_vision, is_active, created_at, updated_at, listing_digest, listing)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 1, ?9, ?9, ?10, ?11)
        ON CONFLICT (provider_id, provider_model_id) DO UPDATE SET model_name = excluded.model_name,
            context_length = excluded.context_length, modality = excluded.modality,
            supports_streaming = excluded.supports_streaming,
            supports_function_calling = excluded.supports_function_calling, supports_vision = excluded.supports_vision,
            is_active = 1, removed_at = NULL, updated_at = excluded.updated_at,
            listing_digest = excluded.listing_digest, listing = excluded.listing",
    )?;
    for &at in &difference.write {
        let (Some(print), Some((row, abilities))) = (prints.get(at), rows.get(at)) else {
            continue;
        };
        put.execute(params![
            provider,
            print.id.as_str(),
            row.name,
            row.context_length,
            row.modality,
            abilities.streaming,
            abilities.functions,
            abilities.vision,
            now,
            print.digest,
            row.listing,
        ])?;
    }
    let mut remove =
        connection.prepare_cached("UPDATE models SET is_active = 0, removed_at = ?2, updated_at = ?2 WHERE id = ?1")?;
    for key in &difference.remove {
        remove.execute(params![key, now])?;
    }
    Ok(())
}

fn key_of(connection: &Connection, provider: &Slug, id: &ModelId) -> Result<Option<i64>, Fail> {
    let mut key = connection.prepare_cached(
        "SELECT m.id FROM models m JOIN providers p ON p.id = m.provider_id
        WHERE p.slug = ?1 AND m.provider_model_id = ?2",
    )?;
    Ok(key
        .query_row([provider.as_str(), id.as_str()], |row| row.get(0))
        .optional()?)
}

fn set_pricing(connection: &Connection, key: i64, pricing: Option<&PricingRow>, now: UnixMillis) -> Result<(), Fail> {
    match pricing {
        None => {
            connection
                .prepare_cached("DELETE FROM model_pricing WHERE model_id = ?1")?
                .execute([key])?;
        }
        Some(row) => {
            let mut put = connection.prepare_cached(
                "INSERT OR REPLACE INTO model_pricing (model_id, price_per_input_token, price_per_output_token,
                    price_per_cache_read_token, price_per_cache_write_token, price_per_reasoning_token,
                    price_per_audio_token, price_per_request, price_per_image_token, price_per_web_search, tiers,
                    pricing_source, pricing_type, last_updated)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?;
            let (source, now) = (PricingSource::Operator.as_str(), time(now));
            let mut values: Vec<&dyn ToSql> = vec![&key];
            values.extend(row.prices.iter().map(|price| price as &dyn ToSql));
            values.extend::<[&dyn ToSql; 4]>([&row.tiers, &source, &row.kind, &now]);
            put.execute(&*values)?;
        }
    }
    connection
        .prepare_cached("UPDATE models SET updated_at = ?2 WHERE id = ?1")?
        .execute(params![key, time(now)])?;
    Ok(())
}

fn stored_all(rows: &mut Statement<'_>, params: &[&dyn ToSql]) -> Result<Vec<StoredModel>, Fail> {
    let mut slugs = BTreeMap::new();
    let mut all = Vec::new();
    let mut rows = rows.query(params)?;
    while let Some(row) = rows.next()? {
        all.push(stored(row, &mut slugs)?);
    }
    Ok(all)
}

fn stored(row: &Row<'_>, slugs: &mut BTreeMap<i64, Slug>) -> Result<StoredModel, Fail> {
    let text = |at: usize| row.get_ref(at)?.as_str().map_err(rusqlite::Error::from);
    let provider = match slugs.entry(row.get(1)?) {
        std::collections::btree_map::Entry::Occupied(known) => known.get().clone(),
        std::collections::btree_map::Entry::Vacant(new) => new.insert(convert::slug(text(2)?)?).clone(),
    };
    let operator_pricing = match row.get::<_, Option<i64>>(9)? {
        None => None,
        Some(_) => {
            const FIRST: usize = 11;
            let mut prices: [Option<String>; PRICES] = Default::default();
            for (at, price) in prices.iter_mut().enumerate() {
                *price = row.get(FIRST + at)?;
            }
            let tiers: Option<String> = row.get(10)?;
            Some(convert::pricing(prices, tiers.as_deref())?)
        }
    };
    Ok(StoredModel {
        key: RowKey(row.get(0)?),
        provider,
        listing: convert::listing(text(3)?)?,
        operator_pricing,
        health: ModelHealth {
            status: convert::health_status(text(6)?)?,
            average_response_time_ms: counted_if("models.average_response_time_ms", row.get(7)?)?,
            checked_at: timed("models.last_health_check_at", row.get(8)?)?,
        },
        removed_at: timed("models.removed_at", row.get(4)?)?,
        updated_at: UnixMillis(counted("models.updated_at", row.get(5)?)?),
    })
}
