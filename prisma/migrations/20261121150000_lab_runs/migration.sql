-- CreateTable
CREATE TABLE "lab_runs" (
    "id" VARCHAR(64) NOT NULL,
    "experiment" VARCHAR(32) NOT NULL,
    "verdict" VARCHAR(16) NOT NULL,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "seconds" DOUBLE PRECISION NOT NULL,
    "commit" VARCHAR(64) NOT NULL,
    "version" VARCHAR(32) NOT NULL,
    "folder" TEXT NOT NULL,
    "summary" JSONB NOT NULL,

    CONSTRAINT "lab_runs_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "lab_runs_started_at_idx" ON "lab_runs"("started_at" DESC);
