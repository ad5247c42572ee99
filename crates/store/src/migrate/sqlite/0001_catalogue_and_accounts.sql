-- Times are milliseconds since 1970, money is 10^-9 dollars, prices are exact decimals in US dollars per unit.
CREATE TABLE providers (
    id INTEGER PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    base_url TEXT,
    api_key_env_var TEXT,
    site_url TEXT,
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    metadata TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- `listing` is the truth; the columns before it repeat what people search for.
CREATE TABLE models (
    id INTEGER PRIMARY KEY,
    provider_id INTEGER NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
    provider_model_id TEXT NOT NULL,
    model_name TEXT NOT NULL,
    context_length INTEGER,
    modality TEXT NOT NULL,
    supports_streaming INTEGER NOT NULL,
    supports_function_calling INTEGER NOT NULL,
    supports_vision INTEGER NOT NULL,
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    health_status TEXT NOT NULL DEFAULT 'unknown' CHECK (health_status IN ('healthy', 'degraded', 'down', 'unknown')),
    average_response_time_ms INTEGER,
    last_health_check_at INTEGER,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    removed_at INTEGER CHECK ((removed_at IS NULL) = (is_active = 1)),
    listing_digest BLOB NOT NULL,
    listing TEXT NOT NULL,
    UNIQUE (provider_id, provider_model_id)
) STRICT;
CREATE INDEX models_of_provider ON models (provider_id);

-- What operators set. The providers' own prices are in `listing`.
CREATE TABLE model_pricing (
    model_id INTEGER PRIMARY KEY REFERENCES models (id) ON DELETE CASCADE,
    price_per_input_token TEXT,
    price_per_output_token TEXT,
    price_per_cache_read_token TEXT,
    price_per_cache_write_token TEXT,
    price_per_reasoning_token TEXT,
    price_per_audio_token TEXT,
    price_per_request TEXT,
    price_per_image_token TEXT,
    price_per_web_search TEXT,
    tiers TEXT,
    pricing_source TEXT NOT NULL,
    pricing_type TEXT NOT NULL CHECK (pricing_type IN ('paid', 'free', 'missing')),
    last_updated INTEGER NOT NULL
) STRICT;

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    username TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL UNIQUE,
    credits_nano_usd INTEGER NOT NULL CHECK (credits_nano_usd >= 0),
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    role TEXT NOT NULL,
    subscription_status TEXT NOT NULL,
    tier TEXT,
    trial_expires_at INTEGER,
    subscription_end_date INTEGER,
    registration_date INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- Keys are never kept: `key_hash` is the HMAC of one, in hexadecimal.
CREATE TABLE api_keys_new (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key_hash TEXT NOT NULL UNIQUE CHECK (length(key_hash) = 64),
    last4 TEXT NOT NULL CHECK (length(last4) <= 4),
    key_name TEXT NOT NULL,
    environment_tag TEXT NOT NULL,
    is_primary INTEGER NOT NULL CHECK (is_primary IN (0, 1)),
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    scope_permissions TEXT NOT NULL,
    ip_allowlist TEXT NOT NULL,
    domain_referrers TEXT NOT NULL,
    expiration_date INTEGER,
    max_requests INTEGER,
    requests_used INTEGER NOT NULL DEFAULT 0,
    last_used_at INTEGER,
    trial_start_date INTEGER,
    trial_end_date INTEGER,
    trial_credits_nano_usd INTEGER,
    trial_max_tokens INTEGER,
    trial_max_requests INTEGER,
    trial_used_tokens INTEGER NOT NULL DEFAULT 0,
    trial_used_requests INTEGER NOT NULL DEFAULT 0,
    trial_used_nano_usd INTEGER NOT NULL DEFAULT 0,
    trial_converted INTEGER NOT NULL DEFAULT 0 CHECK (trial_converted IN (0, 1)),
    created_at INTEGER NOT NULL,
    revoked_at INTEGER
) STRICT;
CREATE INDEX api_keys_of_user ON api_keys_new (user_id);

CREATE TABLE plans (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    price_per_month_nano_usd INTEGER NOT NULL,
    daily_request_limit INTEGER NOT NULL,
    monthly_request_limit INTEGER NOT NULL,
    daily_token_limit INTEGER NOT NULL,
    monthly_token_limit INTEGER NOT NULL,
    max_concurrent_requests INTEGER NOT NULL,
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1))
) STRICT;

-- A user has one plan at a time.
CREATE TABLE user_plans (
    user_id INTEGER PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    plan_id INTEGER NOT NULL REFERENCES plans (id),
    started_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;

-- One row at most.
CREATE TABLE trial_config (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    trial_days INTEGER NOT NULL,
    trial_credits_nano_usd INTEGER NOT NULL,
    trial_tokens INTEGER NOT NULL,
    trial_requests INTEGER NOT NULL,
    trial_max_concurrent_requests INTEGER NOT NULL,
    is_active INTEGER NOT NULL CHECK (is_active IN (0, 1))
) STRICT;

CREATE TABLE rate_limit_configs (
    api_key_id INTEGER PRIMARY KEY REFERENCES api_keys_new (id) ON DELETE CASCADE,
    window_size INTEGER NOT NULL,
    max_requests INTEGER NOT NULL,
    max_tokens INTEGER NOT NULL,
    burst_limit INTEGER NOT NULL,
    concurrency_limit INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- `request_id` makes it safe to report the same use twice.
CREATE TABLE usage_records (
    id INTEGER PRIMARY KEY,
    request_id TEXT NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES users (id),
    api_key_id INTEGER NOT NULL REFERENCES api_keys_new (id),
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL,
    cost_nano_usd INTEGER NOT NULL,
    processing_time_ms INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
CREATE INDEX usage_of_user ON usage_records (user_id, at);

-- `reference` makes it safe to book the same transaction twice.
CREATE TABLE credit_transactions (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id),
    reference TEXT NOT NULL UNIQUE,
    transaction_type TEXT NOT NULL,
    amount_nano_usd INTEGER NOT NULL,
    balance_before_nano_usd INTEGER NOT NULL,
    balance_after_nano_usd INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX credit_transactions_of_user ON credit_transactions (user_id, created_at);
