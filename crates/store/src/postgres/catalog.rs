//! The catalogue on a server.

use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::SystemTime,
};

use deadpool_postgres::{Client, GenericClient};
use gatewayz_cache_core::UnixMillis;
use gatewayz_catalog::{
    CatalogStore, Changes, Listing, ModelHealth, ModelId, Pricing, PricingSource, Provider, RowFilter, RowKey, Slug,
    StoreError, StoredModel, WriteMode,
};
use tokio_postgres::{Row, types::ToSql};

use super::{
    PostgresStore,
    lease::{timed, timed_if, timestamp},
    provider_lock,
};
use crate::{
    convert::{self, ListingRow, PRICES, PricingRow, ProviderRow, counted_if},
    error::Fail,
    listed::{BREATH, Difference, Fingerprint, Known, KnownRows, difference, fingerprints},
};

/// How many rows go in one statement: about a megabyte.
const CHUNK: usize = 1_000;

/// The columns of a [`StoredModel`], in the order in which [`stored`] reads them.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT m.id, m.provider_id, p.slug, m.listing, m.removed_at, m.updated_at, m.health_status,
                m.average_response_time_ms, m.last_health_check_at, o.model_id, o.tiers,
                o.price_per_input_token::text, o.price_per_output_token::text, o.price_per_cache_read_token::text,
                o.price_per_cache_write_token::text, o.price_per_reasoning_token::text, o.price_per_audio_token::text,
                o.price_per_request::text, o.price_per_image_token::text, o.price_per_web_search::text
            FROM models m JOIN providers p ON p.id = m.provider_id LEFT JOIN model_pricing o ON o.model_id = m.id ",
            $rest
        )
    };
}

impl CatalogStore for PostgresStore {
    async fn put_providers(&self, providers: &[Provider]) -> Result<Changes, StoreError> {
        let rows: BTreeMap<Slug, &Provider> = providers.iter().map(|row| (row.slug.clone(), row)).collect();
        let put = async {
            let mut lease = self.lease().await?;
            let result = put_providers(lease.client()?, &rows, timestamp(self.now())).await;
            lease.settle(result)
        };
        self.within(put).await.map_err(Fail::store)
    }

    async fn providers(&self) -> Result<Vec<Provider>, StoreError> {
        let read = async {
            let mut lease = self.lease().await?;
            let result = providers(lease.client()?).await;
            lease.settle(result)
        };
        let providers = self.within(read).await.map_err(Fail::store)?;
        Ok(providers.into_values().collect())
    }

    async fn replace_models(
        &self,
        provider: &Slug,
        listed: &[Listing],
        now: UnixMillis,
        mode: WriteMode,
    ) -> Result<Changes, StoreError> {
        let prints = fingerprints(listed).await;
        let replace = async {
            let mut lease = self.lease().await?;
            let client = lease.client()?;
            // A look first: most lists are as they were, and then nobody has to wait for a lock.
            let look = match compare(client, provider, &prints).await {
                Ok((_provider, look)) => look,
                Err(error) => return lease.settle(Err(error)),
            };
            if mode == WriteMode::DryRun || look.changes.written() == 0 {
                return lease.settle(Ok(look.changes));
            }
            let result = write_models(client, provider, listed, &prints, timestamp(now)).await;
            lease.settle(result)
        };
        self.within(replace).await.map_err(Fail::store)
    }

    async fn models_page(
        &self,
        filter: &RowFilter,
        after: Option<RowKey>,
        limit: u32,
    ) -> Result<Vec<StoredModel>, StoreError> {
        let select = match (&filter.provider, filter.inactive) {
            (None, false) => select!("WHERE m.id > $1 AND p.is_active AND m.is_active ORDER BY m.id LIMIT $2"),
            (None, true) => select!("WHERE m.id > $1 AND p.is_active ORDER BY m.id LIMIT $2"),
            (Some(_), false) => {
                select!("WHERE m.id > $1 AND p.slug = $3 AND m.is_active ORDER BY m.id LIMIT $2")
            }
            (Some(_), true) => select!("WHERE m.id > $1 AND p.slug = $3 ORDER BY m.id LIMIT $2"),
        };
        let (after, limit) = (after.map_or(i64::MIN, |key| key.0), i64::from(limit));
        let slug = filter.provider.as_ref().map(Slug::as_str);
        match &slug {
            None => self.stored(select, &[&after, &limit]).await,
            Some(slug) => self.stored(select, &[&after, &limit, slug]).await,
        }
    }

    async fn model(&self, provider: &Slug, id: &ModelId) -> Result<Option<StoredModel>, StoreError> {
        let select = select!("WHERE p.slug = $1 AND m.provider_model_id = $2");
        let mut rows = self.stored(select, &[&provider.as_str(), &id.as_str()]).await?;
        Ok(rows.pop())
    }

    async fn set_operator_pricing(
        &self,
        provider: &Slug,
        id: &ModelId,
        pricing: Option<&Pricing>,
        now: UnixMillis,
    ) -> Result<bool, StoreError> {
        let pricing = pricing.map(PricingRow::new).transpose()?;
        let set = async {
            let mut lease = self.lease().await?;
            let result = set_pricing(lease.client()?, (provider, id), pricing.as_ref(), timestamp(now)).await;
            lease.settle(result)
        };
        self.within(set).await.map_err(Fail::store)
    }

    async fn set_model_health(&self, provider: &Slug, id: &ModelId, health: &ModelHealth) -> Result<bool, StoreError> {
        let set = async {
            let mut lease = self.lease().await?;
            let result = set_health(lease.client()?, provider, id, health).await;
            lease.settle(result)
        };
        self.within(set).await.map_err(Fail::store)
    }
}

impl PostgresStore {
    async fn stored(&self, select: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Vec<StoredModel>, StoreError> {
        let read = async {
            let mut lease = self.lease().await?;
            let client = lease.client()?;
            let result = async {
                let select = client.prepare_cached(select).await?;
                Ok(client.query(&select, params).await?)
            };
            let result = result.await;
            let rows: Vec<Row> = lease.settle(result)?;
            let mut slugs = BTreeMap::new();
            let mut all = Vec::with_capacity(rows.len());
            for (at, row) in rows.iter().enumerate() {
                all.push(stored(row, &mut slugs)?);
                if at % BREATH == BREATH - 1 {
                    tokio::task::yield_now().await;
                }
            }
            Ok(all)
        };
        self.within(read).await.map_err(Fail::store)
    }
}

async fn providers(client: &impl GenericClient) -> Result<BTreeMap<Slug, Provider>, Fail> {
    let select = "SELECT slug, name, base_url, api_key_env_var, site_url, is_active, metadata FROM providers";
    let select = client.prepare_cached(select).await?;
    let mut all = BTreeMap::new();
    for row in client.query(&select, &[]).await? {
        let provider = ProviderRow {
            slug: row.try_get(0)?,
            name: row.try_get(1)?,
            base_url: row.try_get(2)?,
            api_key_env: row.try_get(3)?,
            site_url: row.try_get(4)?,
            active: row.try_get(5)?,
            metadata: row.try_get(6)?,
        }
        .provider()?;
        all.insert(provider.slug.clone(), provider);
    }
    Ok(all)
}

async fn put_providers(
    client: &mut Client,
    rows: &BTreeMap<Slug, &Provider>,
    now: SystemTime,
) -> Result<Changes, Fail> {
    let transaction = client.transaction().await?;
    transaction
        .execute("SELECT pg_advisory_xact_lock($1)", &[&provider_lock(0)])
        .await?;
    let known = providers(&transaction).await?;
    let put = transaction
        .prepare_cached(
            "INSERT INTO providers (slug, name, base_url, api_key_env_var, site_url, is_active, metadata, created_at,
                updated_at)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8)
            ON CONFLICT (slug) DO UPDATE SET name = excluded.name, base_url = excluded.base_url,
                api_key_env_var = excluded.api_key_env_var, site_url = excluded.site_url,
                is_active = excluded.is_active, metadata = excluded.metadata, updated_at = excluded.updated_at",
        )
        .await?;
    let mut changes = Changes::default();
    for (slug, &provider) in rows {
        match known.get(slug) {
            Some(same) if same == provider => {
                changes.unchanged += 1;
                continue;
            }
            Some(_) => changes.changed += 1,
            None => changes.added += 1,
        }
        let row = ProviderRow::new(provider)?;
        transaction
            .execute(
                &put,
                &[
                    &row.slug,
                    &row.name,
                    &row.base_url,
                    &row.api_key_env,
                    &row.site_url,
                    &row.active,
                    &row.metadata,
                    &now,
                ],
            )
            .await?;
    }
    transaction.commit().await?;
    Ok(changes)
}

/// The key of the provider.
async fn provider_key(client: &impl GenericClient, provider: &Slug) -> Result<i64, Fail> {
    let select = client
        .prepare_cached("SELECT id FROM providers WHERE slug = $1")
        .await?;
    match client.query_opt(&select, &[&provider.as_str()]).await? {
        Some(row) => Ok(row.try_get(0)?),
        None => Err(StoreError::UnknownProvider(provider.clone()).into()),
    }
}

/// The key of the provider, and what the list changes.
async fn compare(
    client: &impl GenericClient,
    provider: &Slug,
    prints: &[Fingerprint],
) -> Result<(i64, Difference), Fail> {
    let provider = provider_key(client, provider).await?;
    let select = "SELECT provider_model_id, id, listing_digest, is_active FROM models WHERE provider_id = $1";
    let select = client.prepare_cached(select).await?;
    let mut known = KnownRows::default();
    for row in client.query(&select, &[&provider]).await? {
        let digest: &[u8] = row.try_get(2)?;
        let row_known = Known {
            key: row.try_get(1)?,
            digest: digest.try_into().ok(),
            active: row.try_get(3)?,
        };
        known.insert(row.try_get::<_, &str>(0)?.into(), row_known);
    }
    Ok((provider, difference(prints, known)))
}

async fn write_models(
    client: &mut Client,
    provider: &Slug,
    listed: &[Listing],
    prints: &[Fingerprint],
    now: SystemTime,
) -> Result<Changes, Fail> {
    let transaction = client.transaction().await?;
    // Not a lock of a row: that would write to it.
    let lock = provider_lock(provider_key(&transaction, provider).await?);
    transaction
        .execute("SELECT pg_advisory_xact_lock($1)", &[&lock])
        .await?;
    let (provider, difference) = compare(&transaction, provider, prints).await?;
    let put = transaction
        .prepare_cached(
            "INSERT INTO models (provider_id, provider_model_id, model_name, context_length, modality,
                supports_streaming, supports_function_calling, supports_vision, is_active, created_at, updated_at,
                listing_digest, listing)
            SELECT $1, id, name, context, modality, streaming, functions, vision, true, $2, $2, digest, listing
            FROM unnest($3::text[], $4::text[], $5::bigint[], $6::text[], $7::boolean[], $8::boolean[], $9::boolean[],
                    $10::bytea[], $11::text[])
                WITH ORDINALITY AS list (id, name, context, modality, streaming, functions, vision, digest, listing, at)
            ORDER BY at
            ON CONFLICT (provider_id, provider_model_id) DO UPDATE SET model_name = excluded.model_name,
                context_length = excluded.context_length, modality = excluded.modality,
                supports_streaming = excluded.supports_streaming,
                supports_function_calling = excluded.supports_function_calling,
                supports_vision = excluded.supports_vision, is_active = true, removed_at = NULL,
                updated_at = excluded.updated_at, listing_digest = excluded.listing_digest, listing = excluded.listing",
        )
        .await?;
    for chunk in difference.write.chunks(CHUNK) {
        let mut columns = Columns::default();
        for (at, index) in chunk.iter().enumerate() {
            // Each print is of a row of this list.
            if let Some(print) = prints.get(*index)
                && let Some(listing) = listed.get(print.at)
            {
                columns.push(print, listing)?;
            }
            if at % BREATH == BREATH - 1 {
                tokio::task::yield_now().await;
            }
        }
        transaction
            .execute(
                &put,
                &[
                    &provider,
                    &now,
                    &columns.ids,
                    &columns.names,
                    &columns.contexts,
                    &columns.modalities,
                    &columns.streaming,
                    &columns.functions,
                    &columns.vision,
                    &columns.digests,
                    &columns.listings,
                ],
            )
            .await?;
    }
    if !difference.remove.is_empty() {
        let remove = "UPDATE models SET is_active = false, removed_at = $2, updated_at = $2 WHERE id = ANY($1)";
        transaction.execute(remove, &[&difference.remove, &now]).await?;
    }
    transaction.commit().await?;
    Ok(difference.changes)
}

/// Rows by column, as `unnest` takes them.
#[derive(Default)]
struct Columns<'a> {
    ids: Vec<&'a str>,
    names: Vec<String>,
    contexts: Vec<Option<i64>>,
    modalities: Vec<String>,
    streaming: Vec<bool>,
    functions: Vec<bool>,
    vision: Vec<bool>,
    digests: Vec<&'a [u8]>,
    listings: Vec<String>,
}

impl<'a> Columns<'a> {
    fn push(&mut self, print: &'a Fingerprint, listing: &Listing) -> Result<(), StoreError> {
        let row = ListingRow::new(listing)?;
        self.ids.push(print.id.as_str());
        self.names.push(row.name);
        self.contexts.push(row.context_length);
        self.modalities.push(row.modality);
        self.streaming.push(listing.abilities.streaming);
        self.functions.push(listing.abilities.functions);
        self.vision.push(listing.abilities.vision);
        self.digests.push(&print.digest);
        self.listings.push(row.listing);
        Ok(())
    }
}

async fn set_pricing(
    client: &mut Client,
    (provider, id): (&Slug, &ModelId),
    pricing: Option<&PricingRow>,
    now: SystemTime,
) -> Result<bool, Fail> {
    let transaction = client.transaction().await?;
    let touch = "UPDATE models SET updated_at = $3
        WHERE provider_id = (SELECT id FROM providers WHERE slug = $1) AND provider_model_id = $2 RETURNING id";
    let params: [&(dyn ToSql + Sync); 3] = [&provider.as_str(), &id.as_str(), &now];
    let Some(row) = transaction.query_opt(touch, &params).await? else {
        return Ok(false);
    };
    let key: i64 = row.try_get(0)?;
    transaction
        .execute("DELETE FROM model_pricing WHERE model_id = $1", &[&key])
        .await?;
    if let Some(row) = pricing {
        let put = "INSERT INTO model_pricing (model_id, price_per_input_token, price_per_output_token,
                price_per_cache_read_token, price_per_cache_write_token, price_per_reasoning_token,
                price_per_audio_token, price_per_request, price_per_image_token, price_per_web_search, tiers,
                pricing_source, pricing_type, last_updated)
            VALUES ($1, $2::text::numeric, $3::text::numeric, $4::text::numeric, $5::text::numeric, $6::text::numeric,
                $7::text::numeric, $8::text::numeric, $9::text::numeric, $10::text::numeric, $11, $12, $13, $14)";
        let source = PricingSource::Operator.as_str();
        let mut params: Vec<&(dyn ToSql + Sync)> = vec![&key];
        params.extend(row.prices.iter().map(|price| price as &(dyn ToSql + Sync)));
        params.extend::<[&(dyn ToSql + Sync); 4]>([&row.tiers, &source, &row.kind, &now]);
        transaction.execute(put, &params).await?;
    }
    transaction.commit().await?;
    Ok(true)
}

async fn set_health(client: &Client, provider: &Slug, id: &ModelId, health: &ModelHealth) -> Result<bool, Fail> {
    let set = client
        .prepare_cached(
            "UPDATE models SET health_status = $3, average_response_time_ms = $4, last_health_check_at = $5
            WHERE provider_id = (SELECT id FROM providers WHERE slug = $1) AND provider_model_id = $2",
        )
        .await?;
    let (average, checked) = (
        health.average_response_time_ms.map(i64::from),
        health.checked_at.map(timestamp),
    );
    let (provider, id, status) = (provider.as_str(), id.as_str(), health.status.as_str());
    let params: [&(dyn ToSql + Sync); 5] = [&provider, &id, &status, &average, &checked];
    Ok(client.execute(&set, &params).await? > 0)
}

fn stored(row: &Row, slugs: &mut BTreeMap<i64, Slug>) -> Result<StoredModel, Fail> {
    const FIRST: usize = 11;
    let provider = match slugs.entry(row.try_get(1)?) {
        Entry::Occupied(known) => known.get().clone(),
        Entry::Vacant(new) => new.insert(convert::slug(row.try_get(2)?)?).clone(),
    };
    let operator_pricing = match row.try_get::<_, Option<i64>>(9)? {
        None => None,
        Some(_) => {
            let mut prices: [Option<String>; PRICES] = Default::default();
            for (at, price) in prices.iter_mut().enumerate() {
                *price = row.try_get(FIRST + at)?;
            }
            Some(convert::pricing(prices, row.try_get(10)?)?)
        }
    };
    Ok(StoredModel {
        key: RowKey(row.try_get(0)?),
        provider,
        listing: convert::listing(row.try_get(3)?)?,
        operator_pricing,
        health: ModelHealth {
            status: convert::health_status(row.try_get(6)?)?,
            average_response_time_ms: counted_if("models.average_response_time_ms", row.try_get(7)?)?,
            checked_at: timed_if("models.last_health_check_at", row.try_get(8)?)?,
        },
        removed_at: timed_if("models.removed_at", row.try_get(4)?)?,
        updated_at: timed("models.updated_at", row.try_get(5)?)?,
    })
}
