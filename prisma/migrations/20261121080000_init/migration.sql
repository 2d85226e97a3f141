-- CreateTable
CREATE TABLE "api_keys" (
    "id" UUID NOT NULL,
    "name" VARCHAR(200) NOT NULL,
    "prefix" VARCHAR(16) NOT NULL,
    "hash" BYTEA NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "revoked_at" TIMESTAMPTZ(3),

    CONSTRAINT "api_keys_pkey" PRIMARY KEY ("id"),
    -- Guards against a key stored where its hash belongs.
    CONSTRAINT "api_keys_hash_is_sha256" CHECK (octet_length("hash") = 32)
);

-- CreateTable
CREATE TABLE "barcodes" (
    "id" UUID NOT NULL,
    "key_id" UUID NOT NULL,
    "symbology" VARCHAR(32) NOT NULL,
    "format" VARCHAR(8) NOT NULL,
    "text" TEXT NOT NULL,
    "text_escaped" BOOLEAN NOT NULL DEFAULT false,
    "bytes" BYTEA NOT NULL,
    "status" VARCHAR(16) NOT NULL,
    "request_id" VARCHAR(128) NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "barcodes_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "api_keys_hash_key" ON "api_keys"("hash");

-- CreateIndex
CREATE INDEX "barcodes_key_id_id_idx" ON "barcodes"("key_id", "id" DESC);

-- AddForeignKey
ALTER TABLE "barcodes" ADD CONSTRAINT "barcodes_key_id_fkey" FOREIGN KEY ("key_id") REFERENCES "api_keys"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;
