-- CreateTable
CREATE TABLE "batches" (
    "id" UUID NOT NULL,
    "key_id" UUID NOT NULL,
    "total" INTEGER NOT NULL,
    "fed" INTEGER NOT NULL DEFAULT 0,
    "done" INTEGER NOT NULL DEFAULT 0,
    "failed" INTEGER NOT NULL DEFAULT 0,
    "status" VARCHAR(16) NOT NULL DEFAULT 'running',
    "created_at" TIMESTAMPTZ(3) NOT NULL,
    "started_at" TIMESTAMPTZ(3),
    "finished_at" TIMESTAMPTZ(3),

    CONSTRAINT "batches_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "batch_items" (
    "batch_id" UUID NOT NULL,
    "item" INTEGER NOT NULL,
    "request" TEXT NOT NULL,

    CONSTRAINT "batch_items_pkey" PRIMARY KEY ("batch_id","item")
);

-- CreateTable
CREATE TABLE "batch_results" (
    "batch_id" UUID NOT NULL,
    "item" INTEGER NOT NULL,
    "reason" VARCHAR(32),
    "detail" TEXT,

    CONSTRAINT "batch_results_pkey" PRIMARY KEY ("batch_id","item")
);

-- CreateTable
CREATE TABLE "batch_turns" (
    "key_id" UUID NOT NULL,
    "fed_at" TIMESTAMPTZ(6) NOT NULL,

    CONSTRAINT "batch_turns_pkey" PRIMARY KEY ("key_id")
);

-- CreateIndex
CREATE INDEX "batches_key_id_id_idx" ON "batches"("key_id", "id" DESC);

-- CreateIndex
CREATE INDEX "batches_status_id_idx" ON "batches"("status", "id");

-- AddForeignKey
ALTER TABLE "batches" ADD CONSTRAINT "batches_key_id_fkey" FOREIGN KEY ("key_id") REFERENCES "api_keys"("id") ON DELETE RESTRICT ON UPDATE RESTRICT;
