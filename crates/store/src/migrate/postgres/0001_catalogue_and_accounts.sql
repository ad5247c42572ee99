-- Money is 10^-9 dollars, prices are exact decimals in US dollars per unit.
CREATE TABLE providers (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    base_url TEXT,
    api_key_env_var TEXT,
    site_url TEXT,
    is_active BOOLEAN NOT NULL,
    metadata TEXT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

-- `listing` is the truth; the columns before it repeat what people search for.
CREATE TABLE models (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    provider_id BIGINT NOT NULL REFERENCES providers (id) ON DELETE CASCADE,
    provider_model_id TEXT NOT NULL,
    model_name TEXT NOT NULL,
    context_length BIGINT,
    modality TEXT NOT NULL,
    supports_streaming BOOLEAN NOT NULL,
    supports_function_calling BOOLEAN NOT NULL,
    supports_vision BOOLEAN NOT NULL,
    is_active BOOLEAN NOT NULL,
    health_status TEXT NOT NULL DEFAULT 'unknown' CHECK (health_status IN ('healthy', 'degraded', 'down', 'unknown')),
    average_response_time_ms BIGINT,
    last_health_check_at TIMESTAMPTZ,
    created_at TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL,
    removed_at TIMESTAMPTZ CHECK ((removed_at IS NULL) = is_active),
    listing_digest BYTEA NOT NULL,
    listing TEXT NOT NULL,
    UNIQUE (provider_id, provider_model_id)
);
CREATE INDEX models_of_provider ON models (provider_id, id);

-- What operators set. The providers' own prices are in `listing`.
CREATE TABLE model_pricing (
    model_id BIGINT PRIMARY KEY REFERENCES models (id) ON DELETE CASCADE,
    price_per_input_token NUMERIC(20, 15),
    price_per_output_token NUMERIC(20, 15),
    price_per_cache_read_token NUMERIC(20, 15),
    price_per_cache_write_token NUMERIC(20, 15),
    price_per_reasoning_token NUMERIC(20, 15),
    price_per_audio_token NUMERIC(20, 15),
    price_per_request NUMERIC(20, 15),
    price_per_image_token NUMERIC(20, 15),
    price_per_web_search NUMERIC(20, 15),
    tiers TEXT,
    pricing_source TEXT NOT NULL,
    pricing_type TEXT NOT NULL CHECK (pricing_type IN ('paid', 'free', 'missing')),
    last_updated TIMESTAMPTZ NOT NULL
);

CREATE TABLE users (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL UNIQUE,
    credits_nano_usd BIGINT NOT NULL CHECK (credits_nano_usd >= 0),
    is_active BOOLEAN NOT NULL,
    role TEXT NOT NULL,
    subscription_status TEXT NOT NULL,
    tier TEXT,
    trial_expires_at TIMESTAMPTZ,
    subscription_end_date TIMESTAMPTZ,
    registration_date TIMESTAMPTZ NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

-- Keys are never kept: `key_hash` is the HMAC of one, in hexadecimal.
CREATE TABLE api_keys_new (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    key_hash TEXT NOT NULL UNIQUE CHECK (length(key_hash) = 64),
    last4 TEXT NOT NULL CHECK (length(last4) <= 4),
    key_name TEXT NOT NULL,
    environment_tag TEXT NOT NULL,
    is_primary BOOLEAN NOT NULL,
    is_active BOOLEAN NOT NULL,
    scope_permissions TEXT NOT NULL,
    ip_allowlist TEXT NOT NULL,
    domain_referrers TEXT NOT NULL,
    expiration_date TIMESTAMPTZ,
    max_requests BIGINT,
    requests_used BIGINT NOT NULL DEFAULT 0,
    last_used_at TIMESTAMPTZ,
    trial_start_date TIMESTAMPTZ,
    trial_end_date TIMESTAMPTZ,
    trial_credits_nano_usd BIGINT,
    trial_max_tokens BIGINT,
    trial_max_requests BIGINT,
    trial_used_tokens BIGINT NOT NULL DEFAULT 0,
    trial_used_requests BIGINT NOT NULL DEFAULT 0,
    trial_used_nano_usd BIGINT NOT NULL DEFAULT 0,
    trial_converted BOOLEAN NOT NULL DEFAULT false,
    created_at TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ
);
CREATE INDEX api_keys_of_user ON api_keys_new (user_id);

CREATE TABLE plans (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    price_per_month_nano_usd BIGINT NOT NULL,
    daily_request_limit BIGINT NOT NULL,
    monthly_request_limit BIGINT NOT NULL,
    daily_token_limit BIGINT NOT NULL,
    monthly_token_limit BIGINT NOT NULL,
    max_concurrent_requests BIGINT NOT NULL,
    is_active BOOLEAN NOT NULL
);

-- A user has one plan at a time.
CREATE TABLE user_plans (
    user_id BIGINT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    plan_id BIGINT NOT NULL REFERENCES plans (id),
    started_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ
);

-- One row at most.
CREATE TABLE trial_config (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    trial_days BIGINT NOT NULL,
    trial_credits_nano_usd BIGINT NOT NULL,
    trial_tokens BIGINT NOT NULL,
    trial_requests BIGINT NOT NULL,
    trial_max_concurrent_requests BIGINT NOT NULL,
    is_active BOOLEAN NOT NULL
);

CREATE TABLE rate_limit_configs (
    api_key_id BIGINT PRIMARY KEY REFERENCES api_keys_new (id) ON DELETE CASCADE,
    window_size BIGINT NOT NULL,
    max_requests BIGINT NOT NULL,
    max_tokens BIGINT NOT NULL,
    burst_limit BIGINT NOT NULL,
    concurrency_limit BIGINT NOT NULL,
    updated_at TIMESTAMPTZ NOT NULL
);

-- `request_id` makes it safe to report the same use twice.
CREATE TABLE usage_records (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    request_id TEXT NOT NULL UNIQUE,
    user_id BIGINT NOT NULL REFERENCES users (id),
    api_key_id BIGINT NOT NULL REFERENCES api_keys_new (id),
    provider TEXT NOT NULL,
    model TEXT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cost_nano_usd BIGINT NOT NULL,
    processing_time_ms BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL
);
CREATE INDEX usage_of_user ON usage_records (user_id, at);

-- `reference` makes it safe to book the same transaction twice.
CREATE TABLE credit_transactions (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id),
    reference TEXT NOT NULL UNIQUE,
    transaction_type TEXT NOT NULL,
    amount_nano_usd BIGINT NOT NULL,
    balance_before_nano_usd BIGINT NOT NULL,
    balance_after_nano_usd BIGINT NOT NULL,
    created_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX credit_transactions_of_user ON credit_transactions (user_id, created_at);
