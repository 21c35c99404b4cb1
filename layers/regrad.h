// The engine and its layers, in one header.
#pragma once

#include <regrad/engine/autograd.h>
#include <regrad/engine/conv.h>
#include <regrad/engine/functional.h>
#include <regrad/engine/linalg.h>
#include <regrad/engine/ops.h>
#include <regrad/engine/parallel.h>
#include <regrad/engine/random.h>
#include <regrad/engine/serialize.h>
#include <regrad/engine/sparse.h>
#include <regrad/engine/tensor.h>
#include <regrad/layers/average.h>
#include <regrad/layers/clip.h>
#include <regrad/layers/context.h>
#include <regrad/layers/conv.h>
#include <regrad/layers/graph.h>
#include <regrad/layers/init.h>
#include <regrad/layers/linear.h>
#include <regrad/layers/nets/conv4.h>
#include <regrad/layers/nets/gcn.h>
#include <regrad/layers/nets/resnet.h>
#include <regrad/layers/norm.h>
#include <regrad/layers/optim.h>
#include <regrad/layers/params.h>
#include <regrad/layers/schedule.h>
#include <regrad/layers/serialize.h>
